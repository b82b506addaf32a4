#include "report/tsv.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "report/facts.h"
#include "report/words.h"

namespace coppice::report {
namespace {

constexpr std::size_t kDescription = 200;

std::string Cell(std::string_view text) { return Safe(text, kDescription); }

std::string NumberOrEmpty(std::optional<double> value) {
  return value ? FormatNumber(*value) : "";
}

// Four decimals: finer than any of these columns is known.
std::string Rounded(double value) {
  return FormatNumber(std::round(value * 1e4) / 1e4);
}

std::string ParentList(const search::State& state, AttemptId attempt) {
  std::string list;
  for (AttemptId parent : ParentsOf(state, attempt)) {
    list += fmt::format("{}{}", list.empty() ? "" : ",", parent.value());
  }
  return list;
}

std::string GainPercent(const search::State& state, AttemptId attempt) {
  const std::optional<double> value = ComparableValue(state, attempt);
  const std::optional<double> baseline = ValueOf(state, AttemptId(0));
  if (!value || !baseline) return "";
  const std::optional<double> gain = Gain(state, *value, *baseline);
  return gain ? Rounded(100 * *gain) : "";
}

// The largest resident set of any sample; nothing if none was seen.
std::string PeakMb(const search::State& state, AttemptId attempt) {
  std::int64_t peak = 0;
  for (const search::Sampled& s : state.samples_of(attempt)) {
    peak = std::max(peak, s.sample.rss_kb);
  }
  return peak == 0 ? "" : Rounded(static_cast<double>(peak) / 1024);
}

std::string Row(const search::State& state, AttemptId attempt) {
  const search::InfoView info = state.Info(attempt);
  const search::Node* node = NodeOf(state, attempt);
  const std::optional<Outcome> outcome = OutcomeOf(state, attempt);
  return fmt::format(
      "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\n",
      attempt.value(), node == nullptr ? "" : node->commit.Hex(),
      ParentList(state, attempt), OperatorWord(state, attempt),
      info == nullptr ? "" : Cell(info->selected.arm),
      outcome ? Name(StatusOf(*outcome)) : "", OutcomeWord(state, attempt),
      NumberOrEmpty(ValueOf(state, attempt)), GainPercent(state, attempt),
      SamplesOf(state, attempt),
      node == nullptr ? "" : std::to_string(node->added + node->removed),
      info == nullptr ? "" : FormatNumber(info->usd),
      info == nullptr ? "" : Rounded(SecondsOf(*info)), PeakMb(state, attempt),
      Cell(IdeaOf(state, attempt)));
}

}  // namespace

std::string ResultsTsv(const search::State& state) {
  const spec::Metric& metric = state.spec().metric;
  std::string tsv = fmt::format(
      "# metric_direction: {}\n"
      "node\tcommit\tparent\top\tarm\tstatus\toutcome\t{}\tgain_pct\tsamples\t"
      "lines\tcost_usd\tseconds\tpeak_mb\tdescription\n",
      metric.direction == spec::Direction::kMinimize ? "minimize" : "maximize",
      Cell(metric.name));
  if (OutcomeOf(state, AttemptId(0))) tsv += Row(state, AttemptId(0));
  for (AttemptId attempt : state.order_of_completion()) {
    tsv += Row(state, attempt);
  }
  return tsv;
}

}  // namespace coppice::report
