#include "spec/judge_rules.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "base/text.h"
#include "spec/judge_names.h"

namespace coppice::spec {
namespace {

// Is there anything that the judge's numbers decide?
bool DecidesSomething(const Spec& spec) {
  auto judged = [&](const auto& entry) {
    return FilledByJudge(spec, entry.name);
  };
  const Metric& metric = spec.metric;
  return FilledByJudge(spec, metric.name) ||
         std::ranges::any_of(metric.weights, judged) ||
         std::ranges::any_of(metric.gates, judged) ||
         std::ranges::any_of(metric.guards, judged);
}

// The maker of a model's family: "openai" of openai/gpt-5 and of
// openrouter/openai/gpt-5.
std::string_view MakerOf(std::string_view model) {
  constexpr std::string_view kReseller = "openrouter/";
  if (model.starts_with(kReseller)) model.remove_prefix(kReseller.size());
  const std::string_view maker = model.substr(0, model.find('/'));
  // Servers of one's own hold anything: their family is the model's name.
  if (maker != "local") return maker;
  return model.substr(0, model.find_first_of(":-0123456789"));
}

}  // namespace

Result<void> CheckJudge(const Spec& spec) {
  if (!spec.judge) return Ok();
  std::vector<std::string> problems;
  if (!DecidesSomething(spec)) {
    problems.emplace_back(
        "judge: nothing uses what it fills in; write metric.name: "
        "judge_score, or a gate or a guard on it");
  }
  const std::string& primary = spec.judge->primary;
  const bool pairs = JudgesPairs(*spec.judge);
  if (primary != "mean_score" && !FieldOf(primary) && !ThresholdOf(primary) &&
      !pairs) {
    problems.push_back(fmt::format(
        "judge.primary is \"{}\"; it must be mean_score, mean_<field>, "
        "pct_<n>plus or win_rate",
        OneLine(primary, 60)));
  }
  for (const std::string& name : JudgeNames(spec)) {
    if (!pairs || name == kWinRate || name.starts_with("judge_")) continue;
    problems.push_back(fmt::format(
        "judge.primary is win_rate: the judge compares texts, scores none, and "
        "so gives no {}",
        OneLine(name, 60)));
  }
  const std::set<std::string_view> models(spec.judge->models.begin(),
                                          spec.judge->models.end());
  if (models.size() < spec.judge->models.size()) {
    problems.emplace_back("judge.model names a model twice");
  }
  const JudgeScale scale = ScaleOf(spec);
  for (const Anchor& anchor : spec.judge->anchors) {
    if (anchor.score >= scale.low && anchor.score <= scale.high) continue;
    problems.push_back(fmt::format(
        "judge.anchors: a score is {}, and the scale goes from {} to {}",
        FormatNumber(anchor.score), FormatNumber(scale.low),
        FormatNumber(scale.high)));
  }
  std::set<std::string_view> buckets;
  for (const Stratum& stratum : spec.judge->strata) {
    if (buckets.insert(stratum.bucket).second) continue;
    problems.push_back(fmt::format("judge.strata has the bucket \"{}\" twice",
                                   OneLine(stratum.bucket, 60)));
  }
  if (problems.empty()) return Ok();
  return Error{.code = ErrorCode::kUsage,
               .what = fmt::format("{}", fmt::join(problems, "\n"))};
}

std::vector<std::string> JudgeWarnings(const Spec& spec) {
  std::vector<std::string> warnings;
  if (!spec.judge) return warnings;
  for (const std::string& judge : spec.judge->models) {
    const auto kin =
        std::ranges::find_if(spec.proposers, [&](const Proposer& proposer) {
          const auto* model = std::get_if<ModelArm>(&proposer.arm);
          return model != nullptr && MakerOf(model->model) == MakerOf(judge);
        });
    if (kin == spec.proposers.end()) continue;
    warnings.push_back(fmt::format(
        "judge.model {} is of the family of the proposer {}: models favour "
        "their own kind; take a judge of another one",
        judge, std::get<ModelArm>(kin->arm).model));
  }
  if (!spec.judge->max_cost_usd) {
    warnings.emplace_back(
        "the judge has no cap of its own and may spend the whole budget: set "
        "judge.max_cost_usd");
  }
  if (spec.judge->anchors.empty()) {
    warnings.emplace_back(
        "nothing tells whether the judge is to be believed: set judge.anchors "
        "to items whose score you know");
  }
  return warnings;
}

}  // namespace coppice::spec
