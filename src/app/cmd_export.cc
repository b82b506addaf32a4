#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "app/baseline.h"
#include "app/commands.h"
#include "app/run_reader.h"
#include "app/workbench.h"
#include "base/text.h"
#include "report/facts.h"
#include "report/views.h"
#include "search/decide.h"
#include "search/lease.h"
#include "vcs/export.h"

// From a node to what a reviewer merges. The commits are composed in our own
// store, checked and measured in a clean checkout, and only then copied into
// the user's repository, so that a branch that exists has been verified.

namespace coppice::app {
namespace {

// Fresh samples of the exported commit; the base was measured when the run
// began.
constexpr int kVerifySamples = 3;

struct Plan {
  AttemptId node;
  std::string branch;
  std::string mode;
  ObjectId onto;
  std::string onto_name;
  std::vector<vcs::ExportStep> steps;
};

std::string BranchName(const spec::Spec& spec, const std::string& given) {
  std::string name = given.empty() ? spec.export_.branch : given;
  if (const auto at = name.find("{name}"); at != std::string::npos) {
    name.replace(at, 6, spec.name);
  }
  return name;
}

std::string MetricTrailer(const search::State& state, AttemptId node) {
  const search::NoiseModel noise = state.noise();
  std::string line = "Coppice-Metric: " + report::ResultText(state);
  if (state.final() && state.final()->winner == node) {
    std::size_t winner = 0;
    std::size_t baseline = 0;
    for (const search::Finalist& finalist : state.final()->finalists) {
      if (finalist.node == node) winner = finalist.values.size();
      if (finalist.node.value() == 0) baseline = finalist.values.size();
    }
    line += fmt::format(", n {}+{}", baseline, winner);
  }
  if (noise.sigma > 0) line += ", noise " + report::NoiseText(state);
  return line;
}

std::string Trailers(const search::State& state, AttemptId node,
                     const std::string& metric) {
  std::string text = fmt::format("Coppice-Run: {}\nCoppice-Node: {}\n",
                                 state.run(), node.value());
  if (!metric.empty()) text += metric + "\n";
  return text;
}

std::string StepMessage(const search::State& state, AttemptId node,
                        const std::string& metric) {
  const search::AttemptInfo& info = *state.Info(node);
  std::string message = OneLine(Sanitize(info.plan.idea), 72) + "\n\n";
  if (!info.plan.bottleneck.empty()) {
    message += Wrap(Sanitize(info.plan.bottleneck), 72) + "\n\n";
  }
  return message + Trailers(state, node, metric);
}

// Several steps in one commit: the goal is what they have in common.
std::string SquashMessage(const search::State& state,
                          const std::vector<AttemptId>& steps,
                          const std::string& metric) {
  if (steps.size() == 1) return StepMessage(state, steps.front(), metric);
  std::string message = OneLine(Sanitize(state.spec().goal), 72) + "\n\n";
  for (AttemptId step : steps) {
    message +=
        Wrap("- " + OneLine(Sanitize(state.Info(step)->plan.idea), 300), 72) +
        "\n";
  }
  return message + "\n" + Trailers(state, steps.back(), metric);
}

// One step for a squash; one for each node from the base down for a stack.
std::vector<vcs::ExportStep> StepsTo(const search::State& state, AttemptId node,
                                     const std::string& mode) {
  const search::SolutionTree& tree = state.tree();
  const NodeId last = *tree.Find(node);
  const std::string metric = MetricTrailer(state, node);
  std::vector<NodeId> path = tree.PathToRoot(last);
  std::vector<vcs::ExportStep> steps;
  if (mode == "squash") {
    std::vector<AttemptId> made;
    for (std::size_t i = path.size() - 1; i > 0; --i) {
      made.push_back(tree[path[i - 1]].attempt);
    }
    steps.push_back(
        {state.base(), tree[last].commit, SquashMessage(state, made, metric)});
    return steps;
  }
  for (std::size_t i = path.size() - 1; i > 0; --i) {
    const search::Node& to = tree[path[i - 1]];
    steps.push_back({tree[path[i]].commit, to.commit,
                     StepMessage(state, to.attempt, i == 1 ? metric : "")});
  }
  return steps;
}

Result<Plan> MakePlan(ReadRun& run, const ExportOptions& options) {
  const search::State& state = *run.state;
  Plan plan;
  Result<AttemptId> node = run.Node(options.node);
  if (!node) return node.error();
  plan.node = *node;
  std::optional<NodeId> vertex = state.tree().Find(*node);
  if (!vertex) {
    return Error{
        .code = ErrorCode::kNotFound,
        .what = fmt::format("attempt {} became no commit", node->value())};
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
  plan.mode = options.mode.empty() ? state.spec().export_.mode : options.mode;
  plan.branch = BranchName(state.spec(), options.branch);
  plan.onto = state.base();
  plan.onto_name = fmt::format("{:.10}", state.base().Hex());
  if (!options.onto.empty()) {
    Result<ObjectId> onto = run.store->Resolve(options.onto);
    if (!onto) return onto.error();
    plan.onto = *onto;
    plan.onto_name = options.onto;
  }
  plan.steps = StepsTo(state, plan.node, plan.mode);
  return plan;
}

// Build, checks and metric of the exported commit in a clean checkout; an
// error if they do not bear the node out.
Task<Result<double>> Verify(Workbench& bench, const search::State& state,
                            AttemptId node, ObjectId commit) {
  eval::Target target;
  target.attempt = node;
  target.commit = commit;
  target.clean = true;
  eval::Opened opened = co_await bench.evaluator().Open(target);
  auto failed = [&](const eval::Failure& failure) {
    return Error{.code = ErrorCode::kIo,
                 .what =
                     "the exported commit does not pass in a clean "
                     "checkout: " +
                     failure.reason,
                 .where = failure.log,
                 .cause = failure.tail,
                 .next = "no branch was made; look at the log"};
  };
  if (opened.failure) co_return failed(*opened.failure);
  std::vector<double> scores;
  const int samples = state.noise().sigma > 0 ? kVerifySamples : 1;
  for (int i = 0; i < samples; ++i) {
    eval::SampleRequest request;
    request.phase = SamplePhase::kFinal;
    request.index = i;
    eval::Sample sample = co_await opened.session->Measure(request);
    if (sample.failure) co_return failed(*sample.failure);
    auto score = state.measurements().Score(sample.metrics);
    if (score) scores.push_back(*score);
  }
  const double value = state.measurements().Aggregate(scores);
  const auto& expected = state.tree()[*state.tree().Find(node)].value;
  const int sign = spec::Sign(state.spec().metric.direction);
  const double tau = search::Threshold(state.spec().metric, state.noise(),
                                       expected.value_or(value), samples);
  if (expected && sign * (*expected - value) > tau) {
    co_return Error{
        .code = ErrorCode::kIo,
        .what = fmt::format("the exported commit measures {} in a clean "
                            "checkout, not {}",
                            FormatShort(value, 5), FormatShort(*expected, 5)),
        .cause =
            "the base has moved, or the gain came from what an earlier "
            "build left behind",
        .next =
            "no branch was made; `coppice show --why` shows what was "
            "measured"};
  }
  co_return value;
}

int SayPlan(const Global& global, const Plan& plan, const std::string& done,
            std::optional<double> value, const std::vector<ObjectId>& commits) {
  if (global.output == OutputMode::kJson) {
    Json hexes = Json::array();
    for (ObjectId commit : commits) hexes.push_back(commit.Hex());
    Json json{{"node", plan.node.value()}, {"branch", plan.branch},
              {"mode", plan.mode},         {"onto", plan.onto.Hex()},
              {"commits", hexes},          {"value", nullptr},
              {"done", done == "made"}};
    if (value) json["value"] = *value;
    Print(DumpCanonical(json));
    return kDone;
  }
  Print(fmt::format("{} branch {} with node {} ({}, {} commit{}) on {}", done,
                    plan.branch, plan.node.value(), plan.mode,
                    plan.steps.size(), plan.steps.size() == 1 ? "" : "s",
                    plan.onto_name));
  if (value) {
    Print(fmt::format("verified in a clean checkout: checks pass, {}",
                      FormatShort(*value, 5)));
    Print(fmt::format("review: git diff {}...{}", plan.onto_name, plan.branch));
  }
  return kDone;
}

int WritePatch(const Global& global, ReadRun& run, const Plan& plan,
               const std::string& file) {
  const search::SolutionTree& tree = run.state->tree();
  Result<std::string> patch =
      run.store->Diff(run.state->base(), tree[*tree.Find(plan.node)].commit);
  if (!patch) return Fail(global, patch.error());
  Result<void> written =
      report::WriteWhole(std::filesystem::absolute(file), *patch);
  if (!written) return Fail(global, written.error());
  Print(fmt::format("{}: node {} against the base", file, plan.node.value()));
  return kDone;
}

Result<double> VerifyInOrder(ReadRun& run, AttemptId node, ObjectId commit) {
  const search::State& state = *run.state;
  Opened repository{run.home, nullptr};
  Result<vcs::RepositoryPlaces> places = vcs::FindRepository(run.home.work_dir);
  if (!places) return places.error();
  // The workbench gets the store that holds the composed commits.
  repository.store = std::move(run.store);
  Result<Project> project = OpenRunProject(std::move(repository), state.spec(),
                                           state.merged_spec(), state.base());
  if (!project) return project.error();
  Result<eval::BaselineLock> lock =
      eval::ParseLock(state.start().lock_json, "baseline.lock");
  if (!lock) return lock.error();
  Workbench::Options options;
  options.run = state.run();
  options.run_directory = run.place.dir / "export";
  options.habits = std::move(lock->habits);
  options.units = std::move(lock->units);
  Result<std::unique_ptr<Workbench>> bench =
      Workbench::Make(*project, std::move(options));
  if (!bench) return bench.error();
  std::optional<Result<double>> value;
  auto verify = [&]() -> Task<void> {
    value = co_await Verify(**bench, state, node, commit);
  };
  (*bench)->Run(verify(), [&](int, int) { (*bench)->sandbox().CancelAll(); });
  bench->reset();
  run.store = std::move(project->store);
  return *value;
}

// The journal tells of the branch; a run that goes on elsewhere is told by its
// own process next time.
void RecordExport(const ReadRun& run, const Plan& plan,
                  std::vector<ObjectId> commits) {
  Result<search::RunLease> lease = search::AcquireLease(run.place.dir);
  if (!lease) return;
  auto journal = search::OpenJournal(run.place.journal());
  if (!journal) return;
  search::Exported exported;
  exported.node = plan.node;
  exported.branch = plan.branch;
  exported.commits = std::move(commits);
  exported.mode = plan.mode;
  if (!(*journal)->Append(MakeRealClock()->Wall(), std::move(exported))) {
    Say("warning: the export could not be noted in the journal");
  }
}

}  // namespace

int Export(const Global& global, const ExportOptions& options) {
  Result<ReadRun> run = OpenRun(global, options.run);
  if (!run) return Fail(global, run.error());
  Result<Plan> plan = MakePlan(*run, options);
  if (!plan) return Fail(global, plan.error());
  if (!options.patch.empty()) {
    return WritePatch(global, *run, *plan, options.patch);
  }
  Result<void> free =
      vcs::CheckBranchIsFree(run->store->places(), plan->branch);
  if (!free) {
    Error error = free.error();
    error.code = ErrorCode::kConflict;
    return Fail(global, error);
  }
  Result<std::vector<ObjectId>> commits =
      vcs::ComposeExport(*run->store, plan->onto, plan->steps);
  if (!commits) return Fail(global, commits.error());
  if (options.dry_run) {
    return SayPlan(global, *plan, "would make", std::nullopt, *commits);
  }
  if (run->state->spec().export_.minimise && !options.no_minimise) {
    Say("note: the diff is exported as the search made it; leaving out hunks "
        "that do not matter is not in this version");
  }
  if (global.output != OutputMode::kJson) {
    Say("verifying in a clean checkout ...");
  }
  Result<double> value = VerifyInOrder(*run, plan->node, commits->back());
  if (!value) return Fail(global, value.error());
  Result<void> made =
      vcs::PublishBranch(*run->store, plan->branch, commits->back());
  if (!made) return Fail(global, made.error());
  RecordExport(*run, *plan, *commits);
  return SayPlan(global, *plan, "made", *value, *commits);
}

int Apply(const Global& global, const ApplyOptions& options) {
  Result<ReadRun> run = OpenRun(global, options.run);
  if (!run) return Fail(global, run.error());
  Result<AttemptId> node = run->Node(options.node);
  if (!node) return Fail(global, node.error());
  std::optional<NodeId> vertex = run->state->tree().Find(*node);
  if (!vertex || *vertex == run->state->tree().root()) {
    return Fail(global,
                Error{.code = ErrorCode::kNotFound,
                      .what = "there is no better node to apply",
                      .next = "`coppice top`, then `coppice apply --node N`"});
  }
  Result<std::vector<std::string>> changed = vcs::ApplyToWorkTree(
      *run->store, run->state->base(), run->state->tree()[*vertex].commit);
  if (!changed) {
    Error error = changed.error();
    error.code = ErrorCode::kConflict;
    return Fail(global, error);
  }
  Print(fmt::format("node {} applied: {}", node->value(),
                    fmt::join(*changed, ", ")));
  Print("next: run your tests, then commit");
  return kDone;
}

}  // namespace coppice::app
