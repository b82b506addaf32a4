#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "report/advice.h"
#include "report/analytics.h"
#include "report/baseline.h"
#include "report/environment.h"
#include "report/facts.h"
#include "report/page.h"
#include "report/page_sections.h"
#include "report/plot.h"
#include "report/progress.h"
#include "report/show.h"
#include "report/words.h"

// What a page says first, and the figures behind it.

namespace coppice::report {
namespace {

OrderedJson OrNull(const std::optional<double>& value) {
  return value ? OrderedJson(*value) : OrderedJson(nullptr);
}

std::vector<double> FinalValues(const search::State& state, AttemptId node) {
  if (!state.final()) return {};
  const auto& all = state.final()->finalists;
  auto found = std::ranges::find(all, node, &search::Finalist::node);
  return found == all.end() ? std::vector<double>() : found->values;
}

// "20.5% better"; positive = better, whatever the direction. In the metric's
// unit over a baseline of 0.
std::string Better(const search::State& state, double gain) {
  const bool unit = ValueOf(state, AttemptId(0)) == 0.0;
  return FormatShort(std::abs(unit ? gain : 100 * gain), 3) +
         (unit ? "" : "%") + (gain >= 0 ? " better" : " worse");
}

std::string Change(std::optional<double> from, std::optional<double> to) {
  if (!from || !to || *from == 0) return "";
  return FormatPercent((*to - *from) / std::abs(*from));
}

std::string Headline(const search::State& state) {
  const AttemptId best = BestAttempt(state);
  const auto& final = state.final();
  if (final && final->confirmed)
    return Better(state, final->gain) + ", confirmed";
  if (final || (state.stopped() && best.value() == 0)) {
    return "No improvement was confirmed";
  }
  if (best.value() == 0) {
    return OutcomeOf(state, AttemptId(0)) ? "Nothing better yet"
                                          : "Measuring the baseline";
  }
  const auto confidence = ConfidenceOf(state, best);
  if (!confidence) return "Better, so far";
  return Better(state, confidence->gain) +
         (state.stopped() ? ", not measured again" : ", so far");
}

OrderedJson ConfidenceJson(const search::State& state, AttemptId best) {
  const auto confidence = ConfidenceOf(state, best);
  if (!confidence || best.value() == 0) return nullptr;
  return {{"word", confidence->word},
          {"sentence", confidence->sentence},
          {"gain", confidence->gain},
          {"ratio", confidence->ratio}};
}

OrderedJson VerdictJson(const search::State& state) {
  const AttemptId best = BestAttempt(state);
  const auto& final = state.final();
  std::optional<double> from = ValueOf(state, AttemptId(0));
  std::optional<double> to = ValueOf(state, best);
  if (final && final->confirmed) {
    // What is claimed is what the final measured, on both sides.
    const auto base = FinalValues(state, AttemptId(0));
    const auto won = FinalValues(state, final->winner);
    if (!base.empty()) from = state.measurements().Aggregate(base);
    if (!won.empty()) to = state.measurements().Aggregate(won);
  }
  OrderedJson json;
  json["headline"] = Headline(state);
  json["kind"] = final && final->confirmed ? "confirmed"
                 : final || state.stopped()
                     ? (best.value() == 0 || final ? "none" : "open")
                     : "open";
  json["best"] = best.value();
  json["from"] = OrNull(from);
  json["to"] = best.value() == 0 ? OrderedJson(nullptr) : OrNull(to);
  json["change"] = best.value() == 0 ? "" : Change(from, to);
  json["confidence"] = ConfidenceJson(state, best);
  if (final) {
    json["final"] = FinalText(state, *final);
    json["overruled"] = OverruledText(state);
    json["word"] = Safe(final->word);
    json["holdout"] = OrNull(final->holdout);
  }
  json["baseline"] = BaselineText(state);
  json["stop"] = StopText(state);
  json["impact"] = OrderedJson::array();
  const std::string impact = ImpactText(state);
  for (std::string_view line : SplitLines(impact))
    json["impact"].push_back(line);
  return json;
}

OrderedJson NoiseJson(const search::State& state) {
  const search::NoiseModel noise = state.noise();
  return {{"text", NoiseText(state)},
          {"repeats", noise.repeats},
          {"tau", OutcomeOf(state, AttemptId(0))
                      ? OrderedJson(state.Tau(noise.repeats))
                      : OrderedJson(nullptr)}};
}

// [attempt, seconds since the start, dollars so far, best so far]
OrderedJson CurveJson(const search::State& state) {
  OrderedJson curve = OrderedJson::array();
  const std::vector<double> best = BestSoFar(state);
  if (best.empty()) return curve;
  auto rounded = [](double value) {
    return ParseNumber(FormatShort(value, 6)).value_or(value);
  };
  curve.push_back({0, 0, 0, rounded(best[0])});
  double usd = 0;
  std::size_t i = 0;
  for (AttemptId attempt : state.order_of_completion()) {
    const search::InfoView info = state.Info(attempt);
    usd += info->usd;
    const std::chrono::duration<double> since =
        info->finished_at - state.started_at();
    curve.push_back({attempt.value(), rounded(since.count()), rounded(usd),
                     rounded(best[++i])});
  }
  return curve;
}

OrderedJson LineageJson(const search::State& state) {
  OrderedJson json = OrderedJson::array();
  std::optional<double> before;
  for (AttemptId step : Lineage(state, BestAttempt(state))) {
    const std::optional<double> value = ComparableValue(state, step);
    OrderedJson entry = {{"n", step.value()}, {"value", OrNull(value)}};
    if (value && before) entry["gain"] = OrNull(Gain(state, *value, *before));
    if (value) before = value;
    json.push_back(std::move(entry));
  }
  return json;
}

OrderedJson RunJson(const search::State& state) {
  const spec::Spec& spec = state.spec();
  OrderedJson scope = OrderedJson::array();
  for (const std::string& path : spec.scope.mutable_paths) {
    scope.push_back(Sanitize(path));
  }
  OrderedJson instructions = OrderedJson::array();
  for (const std::string& line : spec.instructions) {
    instructions.push_back(HeadAndTail(Sanitize(line), 4000));
  }
  OrderedJson checks = OrderedJson::array();
  for (const spec::Check& check : spec.checks) {
    checks.push_back(Sanitize(check.command));
  }
  return {{"id", state.run()},
          {"name", spec.name},
          {"goal", Sanitize(spec.goal)},
          {"metric", Safe(spec.metric.name, 60)},
          {"minimize", spec.metric.direction == spec::Direction::kMinimize},
          {"target", OrNull(spec.metric.target)},
          {"policy", spec.search.policy},
          {"scope", scope},
          {"instructions", instructions},
          {"checks", checks},
          {"command", Sanitize(spec.evaluation.command)},
          {"holdout", spec.evaluation.holdout.has_value()},
          {"base", state.base().Hex()},
          {"started", FormatUtc(state.started_at())},
          {"seed", state.start().seed},
          {"coppice", Safe(state.start().coppice)}};
}

OrderedJson HintsJson(const search::State& state) {
  OrderedJson json = OrderedJson::array();
  if (!OutcomeOf(state, AttemptId(0))) return json;
  for (const Hint& hint : NextSteps(state)) {
    json.push_back({{"text", hint.text}, {"command", hint.command}});
  }
  return json;
}

OrderedJson EnvironmentJson(const search::State& state) {
  OrderedJson json = OrderedJson::array();
  for (const auto& [name, text] : EnvironmentOf(state)) {
    json.push_back({Safe(name, 60), Safe(text, 200)});
  }
  return json;
}

}  // namespace

OrderedJson PageSummary(const search::State& state, const PageInput& input) {
  const WallTime until = state.stopped() || state.paused()
                             ? state.last_at()
                             : std::max(input.now, state.last_at());
  const search::Consumption used = state.Used(until);
  OrderedJson json;
  json["format"] = 1;
  json["live"] = input.live;
  json["seq"] = state.last_seq();
  json["made"] = FormatUtc(input.now);
  json["run"] = RunJson(state);
  json["status"] = StatusJson(state, input.now, input.extra);
  json["hours"] = used.hours;
  json["spent"] = SpentText(used);
  json["verdict"] = VerdictJson(state);
  json["noise"] = NoiseJson(state);
  json["curve"] = CurveJson(state);
  json["lineage"] = LineageJson(state);
  json["effort"] = EffortJson(state);
  json["failures"] = FailuresJson(state);
  json["proof"] = ProofJson(state);
  json["limits"] = Limits(state, input.now);
  json["next"] = HintsJson(state);
  json["environment"] = EnvironmentJson(state);
  return json;
}

}  // namespace coppice::report
