#include "report/leaderboard.h"

#include <fmt/format.h>

#include <set>
#include <vector>

#include "base/text.h"
#include "report/facts.h"
#include "report/words.h"

namespace coppice::report {
namespace {

constexpr std::size_t kStrategyWidth = 100;

bool TargetReached(const search::State& state, double value) {
  const spec::Metric& metric = state.spec().metric;
  return metric.target &&
         spec::Sign(metric.direction) * (value - *metric.target) >= 0;
}

std::string StatusCell(const search::State& state, AttemptId attempt) {
  const std::optional<Outcome> outcome = OutcomeOf(state, attempt);
  const std::optional<double> value = ValueOf(state, attempt);
  const bool best = attempt == BestAttempt(state);
  if (attempt.value() == 0) return best ? "Baseline, best" : "Baseline";
  if (best) {
    return value && TargetReached(state, *value) ? "🎯 best, target reached"
                                                 : "🎯 best";
  }
  const bool kept = outcome && StatusOf(*outcome) == Status::kKeep;
  return fmt::format("{} {}", kept ? "✅" : "❌", OutcomeWord(state, attempt));
}

std::string Row(const search::State& state, const std::string& rank,
                AttemptId attempt) {
  const std::optional<double> value = ComparableValue(state, attempt);
  const std::string idea = Markdown(IdeaOf(state, attempt), kStrategyWidth);
  const bool ranked = rank != "-";
  return fmt::format(
      "| {} | {} | {} | {} | {} | {} |\n", rank, attempt.value(),
      ranked && value ? FormatShort(*value) : "-",
      ranked && attempt.value() != 0 ? ChangeText(state, value) : "-",
      idea.empty() ? "-" : idea, StatusCell(state, attempt));
}

std::string LeftOut(std::size_t all, std::size_t limit, std::string_view what) {
  if (all <= limit) return "";
  return fmt::format("\n{} more {} are not shown; `results.tsv` has all.\n",
                     all - limit, what);
}

}  // namespace

std::string Leaderboard(const search::State& state, std::size_t limit) {
  const spec::Metric& metric = state.spec().metric;
  const std::vector<AttemptId> ranking = Ranking(state);
  const std::set<AttemptId> ranked(ranking.begin(), ranking.end());
  std::vector<AttemptId> failed;
  for (AttemptId attempt : state.order_of_completion()) {
    if (!ranked.contains(attempt)) failed.push_back(attempt);
  }
  const bool minimize = metric.direction == spec::Direction::kMinimize;
  std::string page = fmt::format(
      "# Leaderboard: {}\n\n{} ({}: {} is better). Delta is the change against "
      "the baseline; noise {}.\n\n"
      "| Rank | Node | Result | Delta | Strategy | Status |\n"
      "|---:|---:|---:|---:|---|---|\n",
      state.spec().name, Markdown(metric.name),
      minimize ? "minimize" : "maximize", minimize ? "less" : "more",
      NoiseText(state));
  for (std::size_t i = 0; i < std::min(ranking.size(), limit); ++i) {
    page += Row(state, std::to_string(i + 1), ranking[i]);
  }
  for (std::size_t i = 0; i < std::min(failed.size(), limit); ++i) {
    page += Row(state, "-", failed[i]);
  }
  page += LeftOut(ranking.size(), limit, "measured nodes");
  page += LeftOut(failed.size(), limit, "failed attempts");
  page +=
      "\nRank 1 is the node that the decision rule points at. A row below it "
      "may show a better value: it was not confirmed, or it is a tie that "
      "changes more lines.\n";
  return page;
}

}  // namespace coppice::report
