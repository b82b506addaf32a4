#include "app/compare_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <variant>

#include "base/json.h"
#include "base/text.h"
#include "study/compare.h"
#include "study/statistics.h"

namespace coppice::app {
namespace fs = std::filesystem;
namespace {

Error At(const spec::Study& study, const std::string& key, std::string what) {
  return Error{.code = ErrorCode::kUsage,
               .what = std::move(what),
               .where = study.Where(key)};
}

// An error in an arm's own keys belongs to the line of the arm.
Error InArm(const spec::StudyArm& arm, Error error) {
  error.code = ErrorCode::kUsage;
  error.what = fmt::format("arm \"{}\": {}", arm.name, error.what);
  error.where = arm.where;
  return error;
}

// Does anything of it use up the resource?
bool Uses(const spec::Proposer& proposer, spec::Equalize resource) {
  if (proposer.weight <= 0) return false;
  const bool model = std::holds_alternative<spec::ModelArm>(proposer.arm);
  const bool agent = std::holds_alternative<spec::AgentArm>(proposer.arm);
  return resource == spec::Equalize::kTokens ? model : model || agent;
}

// Who proposes for nothing never comes to the end of a budget of money.
Result<void> CheckResource(const ComparePlan& plan) {
  const spec::Equalize resource = plan.study.equalize;
  if (resource != spec::Equalize::kCost &&
      resource != spec::Equalize::kTokens) {
    return Ok();
  }
  for (std::size_t i = 0; i < plan.arms.size(); ++i) {
    const auto& proposers = plan.arms[i].spec.proposers;
    const bool uses = std::ranges::any_of(
        proposers, [&](const auto& p) { return Uses(p, resource); });
    if (uses) continue;
    return At(plan.study, "equalize",
              fmt::format("equalize: {}, but no proposer of the arm \"{}\" "
                          "uses any: it would never end; equalize nodes or "
                          "hours",
                          spec::Name(resource), plan.study.arms[i].name));
  }
  return Ok();
}

// An even draw of each arm's share of what may be spent.
void AddForecast(const ComparePlan& plan, const Preflight& preflight,
                 std::vector<std::string>& lines) {
  const spec::Study& study = plan.study;
  const auto searches = static_cast<double>(study.arms.size()) * study.seeds;
  const double seconds = preflight.baseline.report.seconds;
  const int slots = std::max(1, preflight.at_once);
  if (study.equalize == spec::Equalize::kNodes) {
    const double samples = searches * (study.total + study.remeasure);
    lines.push_back(fmt::format(
        "time: about {} of evaluation at the baseline's {} a node, {} at "
        "once; proposing comes on top where it takes longer",
        FormatDuration(samples * seconds / slots), FormatDuration(seconds),
        slots));
  } else if (study.equalize == spec::Equalize::kHours) {
    lines.push_back(
        fmt::format("time: {} of work in all, proposing and evaluating",
                    FormatDuration(searches * study.total * 3600)));
  }
  const std::optional<double> most = study.equalize == spec::Equalize::kCost
                                         ? std::optional(searches * study.total)
                                         : study.max_cost_usd;
  if (most) {
    lines.push_back(fmt::format("cost: at most {} USD for the whole study",
                                FormatShort(*most, 6)));
  }
  const search::Forecast& forecast = preflight.forecast;
  if (most && *most > 0 && forecast.limit == "max_cost_usd") {
    const double share = study.equalize == spec::Equalize::kCost ? 1 : searches;
    lines.push_back(fmt::format(
        "      were every call as dear as it may be, {} attempts a search",
        FormatShort(std::floor(forecast.nodes / share))));
  }
}

void AddPower(const spec::Study& study, std::vector<std::string>& lines) {
  const auto smallest = study::SmallestDifference(study.seeds, 1);
  const auto for_one = study::SeedsNeeded(1, 1);
  const auto for_half = study::SeedsNeeded(.5, 1);
  lines.push_back(fmt::format(
      "seeds: {} find (in 4 of 5 studies) a difference of {} deviations of the "
      "paired differences; {} seeds would find 1, {} seeds 0.5",
      study.seeds, FormatShort(smallest.value_or(0)), for_one.value_or(0),
      for_half.value_or(0)));
  if (study.seeds < 6) {
    lines.push_back(fmt::format(
        "warning: with {} seeds the sign test cannot come below p = {}; a "
        "wrong sign is likely",
        study.seeds, FormatShort(study::SignTest(study.seeds, 0))));
  }
}

}  // namespace

Result<ComparePlan> ReadPlan(const std::string& file) {
  Result<std::string> text = ReadTextFile(file);
  if (!text) return text.error();
  ComparePlan plan;
  Result<spec::Study> study = spec::ParseStudy(*text, file);
  if (!study) return study.error();
  plan.study = std::move(*study);
  plan.text = std::move(*text);
  plan.file = fs::absolute(file);
  return plan;
}

fs::path SpecOf(const ComparePlan& plan) {
  return plan.file.parent_path() / plan.study.spec;
}

Overrides BudgetsOf(const spec::Study& study) {
  const std::string total = FormatNumber(study.total);
  const bool nodes = study.equalize == spec::Equalize::kNodes;
  const bool tokens = study.equalize == spec::Equalize::kTokens;
  const bool cost = study.equalize == spec::Equalize::kCost;
  const std::string usd =
      study.max_cost_usd ? FormatNumber(*study.max_cost_usd) : "null";
  return {{"budget.max_nodes", nodes ? total : "null"},
          {"budget.max_tokens", tokens ? total : "null"},
          {"budget.max_cost_usd", cost ? total : usd},
          {"budget.max_hours", "null"},
          {"budget.max_evaluation_hours", "null"},
          {"budget.plateau_nodes", "null"},
          {"budget.stop_at_target", "false"}};
}

Result<void> PlanArms(ComparePlan& plan, const spec::Loaded& base) {
  plan.arms.clear();
  for (const spec::StudyArm& arm : plan.study.arms) {
    const Overrides own(arm.keys.begin(), arm.keys.end());
    Result<spec::Loaded> loaded =
        spec::ParseSpec(base.merged_json, arm.where, own);
    if (!loaded) return InArm(arm, loaded.error());
    if (loaded->spec.evaluation.backend == "slurm") {
      return InArm(arm, Error{.code = ErrorCode::kUsage,
                              .what = "a study measures its arms side by side "
                                      "on this machine, not on a cluster",
                              .cause = "evaluation.backend: slurm",
                              .next = "a copy of the spec with "
                                      "`evaluation.backend: local`"});
    }
    plan.arms.push_back(std::move(*loaded));
  }
  return CheckResource(plan);
}

std::vector<std::string> PlanLines(const ComparePlan& plan,
                                   const Preflight& preflight) {
  const spec::Study& study = plan.study;
  std::vector<std::string> lines;
  const bool hours = study.equalize == spec::Equalize::kHours;
  const std::string each = hours
                               ? FormatDuration(study.total * 3600) + " of work"
                               : fmt::format("{} {}", FormatNumber(study.total),
                                             spec::UnitOf(study.equalize));
  lines.push_back(fmt::format(
      "study {}: {} arms x {} seeds = {} searches, {} each; {} fresh sample{} "
      "of every winner on top",
      study.name, study.arms.size(), study.seeds,
      study.arms.size() * static_cast<std::size_t>(study.seeds), each,
      study.remeasure, study.remeasure == 1 ? "" : "s"));
  for (const spec::StudyArm& arm : study.arms) {
    lines.push_back(fmt::format("  {:<12} {}", arm.name, study::Says(arm)));
  }
  AddForecast(plan, preflight, lines);
  AddPower(study, lines);
  return lines;
}

}  // namespace coppice::app
