#include "app/export_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "report/facts.h"

namespace coppice::app {
namespace {

std::string BranchName(const spec::Spec& spec, const std::string& given) {
  std::string name = given.empty() ? spec.export_.branch : given;
  if (const auto at = name.find("{name}"); at != std::string::npos) {
    name.replace(at, 6, spec.name);
  }
  return name;
}

// Failed nodes are exported too, to be looked at (AC-19).
std::string WhyFailed(const search::State& state, AttemptId node) {
  const std::optional<Outcome> outcome = report::OutcomeOf(state, node);
  if (!outcome) return "not evaluated yet";
  if (report::ComparableValue(state, node)) return "";
  const std::string reason = report::ReasonOf(state, node);
  return std::string(Name(*outcome)) + (reason.empty() ? "" : ": " + reason);
}

std::optional<double> GainOf(const search::State& state, AttemptId node) {
  const auto value = report::ComparableValue(state, node);
  const auto baseline = report::ComparableValue(state, AttemptId(0));
  if (!value || !baseline) return std::nullopt;
  const double gain =
      spec::Sign(state.spec().metric.direction) * (*value - *baseline);
  return gain > 0 ? std::optional(gain) : std::nullopt;
}

Result<void> FindOnto(ReadRun& run, const std::string& onto, ExportPlan& plan) {
  plan.onto = run.state->base();
  plan.onto_name = fmt::format("{:.10}", plan.onto.Hex());
  if (onto.empty()) {
    if (run.store->Has(plan.onto)) return Ok();
    return Error{.code = ErrorCode::kNotFound,
                 .what = "the base of the run is gone from the repository: " +
                         plan.onto.Hex(),
                 .cause =
                     "its branch was deleted or rewritten, and the ref "
                     "that kept it as well",
                 .next = "fetch that commit again"};
  }
  Result<ObjectId> resolved = run.store->Resolve(onto);
  if (!resolved) return resolved.error();
  Result<ObjectId> theirs = run.store->TreeIdOf(*resolved);
  if (!theirs) return theirs.error();
  Result<ObjectId> ours = run.store->TreeIdOf(plan.onto);
  if (!ours) return ours.error();
  plan.moved = !(*theirs == *ours);
  plan.onto = *resolved;
  plan.onto_name = onto;
  return Ok();
}

// What the lineage did, step by step, where these hunks are: a part for each
// step that did something, the last of which has the hunks as they are.
Result<std::vector<ExportPart>> Steps(const ExportChange& change,
                                      const std::vector<std::size_t>& kept) {
  const vcs::Hunks& hunks = change.hunks();
  std::vector<ExportPart> parts;
  Result<vcs::Hunks::Part> before = hunks.Compose({});
  if (!before) return before.error();
  ObjectId from = change.base;
  for (std::size_t step = 0; step < change.steps.size(); ++step) {
    const vcs::Hunks& then = change.steps[step];
    const bool last = step + 1 == change.steps.size();
    Result<vcs::Hunks::Part> composed =
        then.Compose(last ? kept : then.Inside(hunks, kept));
    // Half of a file that becomes a directory: with the next step, then.
    if (!composed && !last) continue;
    if (!composed) return composed.error();
    if (composed->tree == before->tree) continue;
    parts.push_back({.from = from,
                     .to = composed->commit,
                     .hunks = kept,
                     .attempts = {change.lineage[step]}});
    from = composed->commit;
    before = composed;
  }
  return parts;
}

// These hunks alone on the base.
Result<ExportPart> PartOf(const ExportChange& change,
                          const std::vector<std::size_t>& kept) {
  Result<std::vector<ExportPart>> steps = Steps(change, kept);
  if (!steps) return steps.error();
  Result<vcs::Hunks::Part> composed = change.hunks().Compose(kept);
  if (!composed) return composed.error();
  ExportPart part{.from = change.base, .to = composed->commit, .hunks = kept};
  for (const ExportPart& step : *steps) {
    part.attempts.push_back(step.attempts.front());
  }
  return part;
}

}  // namespace

Result<ExportPlan> MakeExportPlan(ReadRun& run, const ExportOptions& options) {
  const search::State& state = *run.state;
  ExportPlan plan;
  Result<AttemptId> node = run.Node(options.node);
  if (!node) return node.error();
  plan.node = *node;
  const std::optional<NodeId> vertex = state.tree().Find(*node);
  if (!vertex) {
    return Error{
        .code = ErrorCode::kNotFound,
        .what = fmt::format("attempt {} became no commit", node->value()),
        .cause = report::ReasonOf(state, *node),
        .next = "`coppice top` lists the nodes that did"};
  }
  if (*vertex == state.tree().root()) {
    return Error{.code = ErrorCode::kNotFound,
                 .what =
                     "the best node is still the base: there is nothing "
                     "to export",
                 .next =
                     "`coppice top`, then `coppice export --node N` for a "
                     "node of your choice"};
  }
  plan.commit = state.tree()[*vertex].commit;
  plan.mode = options.mode.empty() ? state.spec().export_.mode : options.mode;
  plan.branch = BranchName(state.spec(), options.branch);
  plan.failed = WhyFailed(state, *node);
  plan.gain = GainOf(state, *node);
  plan.lineage = report::Lineage(state, *node);
  plan.lineage.erase(plan.lineage.begin());
  Result<void> found = FindOnto(run, options.onto, plan);
  if (!found) return found.error();
  return plan;
}

Result<ExportChange> ReadChange(ReadRun& run, const ExportPlan& plan) {
  const search::SolutionTree& tree = run.state->tree();
  ExportChange change{run.state->base(), plan.lineage, {}};
  for (AttemptId attempt : plan.lineage) {
    Result<vcs::Hunks> hunks = vcs::Hunks::Between(
        *run.store, change.base, tree[*tree.Find(attempt)].commit);
    if (!hunks) return hunks.error();
    change.steps.push_back(std::move(*hunks));
  }
  return change;
}

Result<std::vector<ExportPart>> SquashParts(
    const ExportChange& change, const std::vector<std::size_t>& kept) {
  Result<ExportPart> part = PartOf(change, kept);
  if (!part) return part.error();
  return std::vector{std::move(*part)};
}

Result<std::vector<ExportPart>> StackParts(
    const ExportChange& change, const std::vector<std::size_t>& kept) {
  return Steps(change, kept);
}

Result<std::vector<ExportPart>> SplitParts(
    const ExportChange& change, const std::vector<std::size_t>& kept) {
  std::map<std::string, std::vector<std::size_t>> files;
  for (std::size_t hunk : kept) {
    files[change.hunks().all()[hunk].path].push_back(hunk);
  }
  std::vector<ExportPart> parts;
  for (const auto& [path, hunks] : files) {
    Result<ExportPart> part = PartOf(change, hunks);
    if (!part) return part.error();
    parts.push_back(std::move(*part));
  }
  return parts;
}

}  // namespace coppice::app
