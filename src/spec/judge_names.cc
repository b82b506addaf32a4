#include "spec/judge_names.h"

#include <algorithm>
#include <set>

#include "base/text.h"

namespace coppice::spec {
namespace {

constexpr std::string_view kMean = "mean_";
constexpr std::string_view kPercent = "pct_";
constexpr std::string_view kPlus = "plus";

bool IsJudgeName(std::string_view name) {
  return name.starts_with("judge_") || name == "mean_score" || FieldOf(name) ||
         ThresholdOf(name);
}

}  // namespace

bool JudgesPairs(const Judge& judge) { return judge.primary == kWinRate; }

bool FilledByJudge(const Spec& spec, std::string_view name) {
  if (!spec.judge) return false;
  return IsJudgeName(name) || (name == kWinRate && JudgesPairs(*spec.judge));
}

std::optional<double> ThresholdOf(std::string_view name) {
  if (!name.starts_with(kPercent) || !name.ends_with(kPlus) ||
      name.size() <= kPercent.size() + kPlus.size()) {
    return std::nullopt;
  }
  name.remove_prefix(kPercent.size());
  name.remove_suffix(kPlus.size());
  return ParseNumber(name);
}

std::optional<std::string> FieldOf(std::string_view name) {
  if (!name.starts_with(kMean) || name.size() == kMean.size() ||
      name == "mean_score") {
    return std::nullopt;
  }
  return std::string(name.substr(kMean.size()));
}

std::vector<std::string> JudgeNames(const Spec& spec) {
  std::set<std::string> names;
  auto add = [&](const std::string& name) {
    if (FilledByJudge(spec, name)) names.insert(name);
  };
  const Metric& metric = spec.metric;
  add(metric.name);
  for (const Weight& weight : metric.weights) add(weight.name);
  for (const Gate& gate : metric.gates) add(gate.name);
  for (const Guard& guard : metric.guards) add(guard.name);
  for (const std::string& name : metric.diagnostics) add(name);
  if (spec.judge) add(spec.judge->primary);
  return {names.begin(), names.end()};
}

JudgeScale ScaleOf(const Spec& spec) {
  const bool of_scores = spec.judge && spec.metric.name == kJudgeScore &&
                         !ThresholdOf(spec.judge->primary) &&
                         !JudgesPairs(*spec.judge);
  if (!of_scores || !spec.metric.range) return {};
  return {.low = spec.metric.range->first, .high = spec.metric.range->second};
}

std::vector<std::string> RubricFiles(const Spec& spec) {
  std::vector<std::string> files;
  auto add = [&](const std::string& rubric) {
    if (rubric.starts_with('@')) files.push_back(rubric.substr(1));
  };
  if (!spec.judge) return files;
  add(spec.judge->rubric);
  for (const Stratum& stratum : spec.judge->strata) {
    if (stratum.rubric) add(*stratum.rubric);
  }
  return files;
}

}  // namespace coppice::spec
