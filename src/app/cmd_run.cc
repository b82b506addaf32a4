#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "app/commands.h"
#include "app/daemon.h"
#include "app/flags_spec.h"
#include "app/outside_work.h"
#include "app/preflight.h"
#include "app/run_reader.h"
#include "app/session.h"
#include "app/slot_guard.h"
#include "base/digest.h"
#include "report/node_record.h"
#include "search/directive.h"
#include "search/lease.h"

// Commands that own a run: run, resume, approve, step.

namespace coppice::app {
namespace {

// The latest run of this spec, if its spec is the same; else none.
std::optional<std::string> RunOfSpec(const Global& global,
                                     const Project& project) {
  std::optional<std::string> latest;
  for (const RunPlace& place : ListRuns(project.home)) {
    if (place.spec_name == project.spec().name) latest = place.id;
  }
  if (!latest) return std::nullopt;
  Result<ReadRun> read = OpenRun(global, *latest);
  const std::string digest = Sha256Hex(project.loaded.merged_json);
  if (!read || read->state->start().spec_sha256 != digest ||
      read->state->base() != project.base) {
    return std::nullopt;
  }
  return latest;
}

Result<std::unique_ptr<Session>> SessionForStep(const Global& global,
                                                const StepOptions& options,
                                                int& interrupted) {
  Global quiet = global;
  quiet.output = OutputMode::kJson;
  quiet.progress = false;
  const SpecSource source{.file = options.spec};
  Result<Project> project = OpenProject(global, source, options.overrides);
  if (!project) return project.error();
  if (std::optional<std::string> run = RunOfSpec(global, *project)) {
    return Session::Open(quiet, {.run = *run});
  }
  PreflightOptions how;
  how.spec = source;
  how.overrides = options.overrides;
  how.load = 1;
  Result<Preflight> preflight =
      RunPreflight(quiet, std::move(how), interrupted);
  if (!preflight) return preflight.error();
  return Session::Begin(quiet, std::move(preflight->project),
                        preflight->baseline);
}

}  // namespace

int Run(const Global& global, const RunOptions& options) {
  Result<void> allowed = MustNotBeASlot("search");
  if (!allowed) return Fail(global, allowed.error());
  if (options.daemon && !options.dry_run && options.replay.empty() &&
      !global.in_background) {
    return StartDaemon(global);
  }
  if (!options.replay.empty()) {
    Result<std::unique_ptr<Session>> again =
        Session::Replay(global, options.replay);
    if (!again) return Fail(global, again.error());
    return (*again)->RunReplay();
  }
  PreflightOptions how;
  how.spec.file = options.spec;
  how.overrides = options.overrides;
  how.trial = options.trial;
  if (options.flags.any()) {
    Result<std::string> text = SpecFromFlags(options.flags);
    if (!text) return Fail(global, text.error());
    if (global.output != OutputMode::kJson) Print(*text);
    how.spec.text = std::move(*text);
  }
  int interrupted = 0;
  Result<Preflight> preflight =
      RunPreflight(global, std::move(how), interrupted);
  if (interrupted != 0) return interrupted;
  if (!preflight) return Fail(global, preflight.error());
  PrintPreflight(global, *preflight);
  if (options.dry_run) return kDone;
  Result<std::unique_ptr<Session>> session = Session::Begin(
      global, std::move(preflight->project), preflight->baseline);
  if (!session) return Fail(global, session.error());
  Result<void> announced =
      AnnounceDaemon((*session)->id(), (*session)->directory());
  if (!announced) return Fail(global, announced.error());
  const int exit = (*session)->Run();
  if (exit != kDone || !options.flags.apply_change) return exit;
  const std::string id = (*session)->id();
  session->reset();
  return Apply(global, {.run = id});
}

int Resume(const Global& global, const ResumeOptions& options) {
  Result<void> allowed = MustNotBeASlot("search");
  if (!allowed) return Fail(global, allowed.error());
  if (options.daemon && !global.in_background) return StartDaemon(global);
  Result<std::unique_ptr<Session>> session =
      Session::Open(global, {.run = options.run,
                             .overrides = options.overrides,
                             .accept_drift = options.accept_drift});
  if (!session) return Fail(global, session.error());
  Result<void> announced =
      AnnounceDaemon((*session)->id(), (*session)->directory());
  if (!announced) return Fail(global, announced.error());
  return (*session)->Run();
}

// A run that is live hears it within a second and evaluates the nodes itself.
int Approve(const Global& global, const ApproveOptions& options) {
  Result<ReadRun> read = OpenRun(global, options.run);
  if (!read) return Fail(global, read.error());
  if (search::FindOwner(read->place.dir)) {
    for (const std::string& dependency : options.dependencies) {
      const std::string body = search::FormatDirective({.approve = dependency});
      Result<void> sent = search::SendToInbox(read->place.journal(),
                                              MakeRealClock()->Wall(), body);
      if (!sent) return Fail(global, sent.error());
    }
    Print(fmt::format("told {}; what waited for it is evaluated now",
                      read->place.id));
    return kDone;
  }
  read->journal.reset();
  Result<std::unique_ptr<Session>> session =
      Session::Open(global, {.run = options.run});
  if (!session) return Fail(global, session.error());
  for (const std::string& dependency : options.dependencies) {
    (*session)->Approve(dependency);
  }
  return (*session)->Finish();
}

int Step(const Global& global, const StepOptions& options) {
  Result<void> allowed = MustNotBeASlot("search");
  if (!allowed) return Fail(global, allowed.error());
  int interrupted = 0;
  Result<std::unique_ptr<Session>> session =
      SessionForStep(global, options, interrupted);
  if (interrupted != 0) return interrupted;
  if (!session) return Fail(global, session.error());
  search::Search::StepRequest request;
  request.idea = options.idea;
  const search::State& state = (*session)->state();
  if (!options.parent.empty()) {
    const std::int64_t best = state.tree()[state.best()].attempt.value();
    Result<std::int64_t> parent = ParseNode(options.parent, best);
    if (!parent) return Fail(global, parent.error());
    request.parent = AttemptId(*parent);
  }
  if (!options.patch.empty()) {
    if (!request.parent) {
      request.parent = state.tree()[state.best()].attempt;
    }
    std::optional<NodeId> node = state.tree().Find(*request.parent);
    if (!node) {
      return Fail(global, Error{.code = ErrorCode::kNotFound,
                                .what = "no such node: " + options.parent});
    }
    Result<llm::Proposal> proposal = ProposalFromFile(
        options.patch, (*session)->store(), state.tree()[*node].commit);
    if (!proposal) return Fail(global, proposal.error());
    if (!options.idea.empty()) proposal->plan.idea = options.idea;
    request.proposal = std::move(*proposal);
  }
  Result<AttemptId> attempt = (*session)->Step(std::move(request));
  if (!attempt) return Fail(global, attempt.error());
  Print(report::DumpLine(report::NodeRecord(state, *attempt)));
  return ExitOf(state, *attempt);
}

}  // namespace coppice::app
