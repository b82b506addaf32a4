#include "report/analytics.h"

#include <algorithm>
#include <tuple>
#include <unordered_map>

#include "report/facts.h"

namespace coppice::report {
namespace {

constexpr std::size_t kHotFiles = 10;

void Add(Tally& tally, Outcome outcome, const search::AttemptInfo& info) {
  ++tally.attempts;
  tally.usd += info.usd;
  if (MayBeImproved(outcome)) ++tally.measured;
  if (StatusOf(outcome) == Status::kCrash) ++tally.failed;
  if (outcome != Outcome::kImproved) return;
  ++tally.improved;
  if (info.evaluated && info.evaluated->gain) {
    tally.gain += info.evaluated->gain->best;
  }
}

std::vector<HotFile> Hottest(
    const std::unordered_map<std::string, HotFile>& files) {
  std::vector<HotFile> hot;
  for (const auto& [path, file] : files) hot.push_back(file);
  std::ranges::sort(hot, {}, [](const HotFile& file) {
    return std::tuple(-file.improved, -file.changed, file.path);
  });
  hot.resize(std::min(hot.size(), kHotFiles));
  return hot;
}

}  // namespace

Analytics Analyse(const search::State& state) {
  Analytics all;
  all.outcomes = state.Outcomes();
  std::unordered_map<std::string, HotFile> files;
  for (AttemptId attempt : state.order_of_completion()) {
    const search::InfoView info = state.Info(attempt);
    const std::optional<Outcome> outcome = OutcomeOf(state, attempt);
    if (info == nullptr || !outcome) continue;
    Add(all.by_arm[info->selected.arm], *outcome, *info);
    Add(all.by_operator[std::string(OperatorWord(state, attempt))], *outcome,
        *info);
    Add(all.by_category[info->plan.category], *outcome, *info);
    for (const search::FileNote& stat : info->files) {
      HotFile& file = files[stat.path];
      file.path = stat.path;
      ++file.changed;
      if (*outcome == Outcome::kImproved) ++file.improved;
    }
    const double evaluating = SecondsOf(*info) - info->propose_seconds;
    all.measure_seconds += evaluating;
    all.samples += SamplesOf(state, attempt);
    all.usd += info->usd;
    if (IsRejection(*outcome)) {
      ++all.never_measured;
    } else if (!MayBeImproved(*outcome)) {
      all.wasted_seconds += evaluating;
    }
  }
  all.hot_files = Hottest(files);
  const std::optional<double> best = ValueOf(state, BestAttempt(state));
  const std::optional<double> baseline = ValueOf(state, AttemptId(0));
  if (best && baseline) {
    all.gain = Gain(state, *best, *baseline).value_or(0);
  }
  return all;
}

}  // namespace coppice::report
