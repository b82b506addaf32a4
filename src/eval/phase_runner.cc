#include "eval/phase_runner.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/algorithm/string/replace.hpp>

#include "base/log.h"
#include "base/text.h"
#include "eval/evaluation_log.h"
#include "eval/host_evidence.h"
#include "eval/phase_failure.h"
#include "eval/pinning.h"
#include "eval/port.h"
#include "eval/result_channel.h"

namespace coppice::eval {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kLeastBuild{900};
constexpr std::chrono::seconds kLeastSetup{1800};

std::chrono::seconds TimeoutOf(const spec::Spec& spec) {
  return std::chrono::seconds(spec.evaluation.timeout_seconds);
}

PhaseCommand SetupCommand(const spec::Spec& spec) {
  return {.phase = EvalPhase::kSetup,
          .command = *spec.evaluation.setup,
          .timeout = std::max(TimeoutOf(spec), kLeastSetup),
          .network = true,
          .title = "setup"};
}

PhaseCommand BuildCommand(const spec::Spec& spec) {
  return {.phase = EvalPhase::kBuild,
          .command = *spec.evaluation.build,
          .timeout = std::max(TimeoutOf(spec), kLeastBuild),
          .network = spec.evaluation.network,
          .title = "build"};
}

fs::path Expanded(const std::string& path, const fs::path& home) {
  if (path == "~") return home;
  if (path.starts_with("~/")) return home / path.substr(2);
  return path;
}

// The command as `evaluation.wrap` runs it, at the same place.
std::string Wrapped(const spec::Evaluation& evaluation,
                    const std::string& command, const fs::path& tree,
                    const fs::path& io) {
  std::string wrap = *evaluation.wrap;
  boost::replace_all(wrap, "{dir}", tree.string());
  boost::replace_all(wrap, "{io}", io.string());
  const std::string there = (tree / evaluation.cwd).lexically_normal();
  const std::string inner =
      fmt::format("cd {} || exit 125; {}", ShellQuote(there), command);
  return fmt::format("{} sh -c {}", wrap, ShellQuote(inner));
}

bool IsTimed(EvalPhase phase) {
  return phase == EvalPhase::kMeasure || phase == EvalPhase::kHoldout;
}

// Samples hold what the specification names, and everything else keeps out of
// the way of those that need the processors for themselves.
std::vector<LockWish> WishesOf(const LocalSetup& setup, EvalPhase phase,
                               int slot) {
  std::vector<LockWish> wishes;
  const std::vector<std::string>& names = setup.spec.evaluation.exclusive;
  if (IsTimed(phase)) {
    for (const std::string& name : names) wishes.push_back({.name = name});
    if (setup.timing_lock) wishes.push_back({.name = kProcessorLock});
  } else if (setup.timing_lock ||
             std::ranges::count(names, kProcessorLock) > 0) {
    wishes.push_back({.name = kProcessorLock, .mode = LockMode::kShared});
  }
  if (setup.shared_ports) {
    wishes.push_back({.name = fmt::format("port-{}", PortOfSlot(slot))});
  }
  return wishes;
}

}  // namespace

std::vector<PhaseCommand> ProvisioningCommands(const spec::Spec& spec) {
  std::vector<PhaseCommand> commands;
  if (spec.evaluation.setup) commands.push_back(SetupCommand(spec));
  if (spec.evaluation.build) commands.push_back(BuildCommand(spec));
  return commands;
}

std::vector<PhaseCommand> PreparingCommands(const spec::Spec& spec) {
  std::vector<PhaseCommand> commands;
  if (spec.evaluation.build) commands.push_back(BuildCommand(spec));
  if (spec.evaluation.smoke) {
    commands.push_back({.phase = EvalPhase::kSmoke,
                        .command = *spec.evaluation.smoke,
                        .timeout = TimeoutOf(spec),
                        .network = spec.evaluation.network,
                        .title = "smoke"});
  }
  for (std::size_t i = 0; i < spec.checks.size(); ++i) {
    const spec::Check& check = spec.checks[i];
    const std::chrono::seconds timeout(
        check.timeout_seconds.value_or(spec.evaluation.timeout_seconds));
    commands.push_back({.phase = EvalPhase::kCheck,
                        .command = check.command,
                        .timeout = timeout,
                        .network = spec.evaluation.network,
                        .title = fmt::format("check {}", i + 1)});
  }
  return commands;
}

PhaseCommand MeasuringCommand(const spec::Spec& spec, SampleRequest request) {
  const bool held = request.phase == SamplePhase::kHoldout;
  return {.phase = held ? EvalPhase::kHoldout : EvalPhase::kMeasure,
          .command =
              held ? spec.evaluation.holdout->command : spec.evaluation.command,
          .timeout = TimeoutOf(spec),
          .network = spec.evaluation.network,
          .title = fmt::format("{} {}", Name(request.phase), request.index),
          .sample = request.phase,
          .index = request.index};
}

PhaseCommand DiagnosingCommand(const spec::Spec& spec) {
  return {.phase = EvalPhase::kDiagnose,
          .command = *spec.evaluation.diagnose,
          .timeout = TimeoutOf(spec),
          .network = spec.evaluation.network,
          .title = "diagnose"};
}

PhaseRunner::PhaseRunner(const LocalSetup& setup, Sandbox& sandbox,
                         Compute& compute)
    : setup_(setup),
      sandbox_(sandbox),
      compute_(compute),
      cores_(CoresForEvaluation(AllowedCores(), "/")) {}

CommandRequest PhaseRunner::RequestOf(const PhaseCommand& command,
                                      const WorkTree& tree,
                                      const fs::path& base) const {
  const spec::Evaluation& evaluation = setup_.spec.evaluation;
  CommandRequest request;
  request.command = command.command;
  request.tree = tree;
  request.cwd = evaluation.cwd;
  request.env = CommandVariables(
      setup_.spec, setup_.passed,
      {.run = setup_.run,
       .phase = command.phase,
       .slot = tree.slot,
       .seed = SampleSeed(setup_.spec, command.sample, command.index)});
  request.timeout = command.timeout;
  if (evaluation.limits.cpus) {
    request.limits.cpus =
        CoresOfSlot(cores_, tree.slot, *evaluation.limits.cpus);
  }
  request.limits.memory_mb = evaluation.limits.memory_mb.value_or(0);
  request.limits.output_mb = evaluation.limits.output_mb;
  request.network = command.network;
  for (const std::string& path : evaluation.expose) {
    request.expose.push_back(Expanded(path, setup_.home));
  }
  if (!base.empty()) {
    request.binds.push_back({.host = base, .variable = "COPPICE_BASE"});
  }
  request.on_output = command.on_output;
  return request;
}

Task<Result<HeldLocks>> PhaseRunner::TakeLocks(EvalPhase phase,
                                               int slot) const {
  std::vector<LockWish> wishes = WishesOf(setup_, phase, slot);
  if (wishes.empty()) co_return HeldLocks();
  Result<HeldLocks> held = co_await setup_.locks->Acquire(std::move(wishes));
  if (held && setup_.shared_ports && !PortIsFree(PortOfSlot(slot))) {
    co_return Error{
        .code = ErrorCode::kLost,
        .what = fmt::format("port {} of slot {} is in use by another process",
                            PortOfSlot(slot), slot),
        .next = "end that process, or leave the network to the sandbox"};
  }
  co_return held;
}

Task<Result<PhaseRun>> PhaseRunner::Run(PhaseCommand command, WorkTree tree,
                                        fs::path base, fs::path log) {
  // The fresh directory is below the run's, which no candidate sees.
  auto make_channel = [&] {
    std::error_code ignored;
    fs::create_directories(log.parent_path(), ignored);
    return ResultChannel::Make(setup_.run_directory / "io");
  };
  Result<ResultChannel> channel = co_await Offload(compute_, make_channel);
  if (!channel) co_return channel.error();
  std::optional<Result<HeldLocks>> held =
      co_await TakeLocks(command.phase, tree.slot);
  if (!*held) co_return held->error();
  CommandRequest request = RequestOf(command, tree, base);
  const Bind results = channel->bind();
  if (setup_.spec.evaluation.wrap) {
    request.command = Wrapped(setup_.spec.evaluation, command.command,
                              tree.root, results.host);
  }
  request.binds.push_back(results);
  request.log =
      log.parent_path() / fmt::format(".output-{}-{}", getpid(), ++commands_);
  PhaseRun run;
  const HostCounters before = ReadHost(setup_.host);
  run.result = co_await sandbox_.Run(request);
  run.host =
      EvidenceBetween(before, ReadHost(setup_.host), run.result.wall_seconds);
  held.reset();

  const std::string title =
      fmt::format("{}: {}", command.title, OneLine(command.command, 200));
  const std::string closing =
      fmt::format("{}{}{}, {:.3f} s{}{}", Name(run.result.verdict),
                  run.result.reason.empty() ? "" : ": ", run.result.reason,
                  run.result.wall_seconds, run.result.leaked ? ", leaked" : "",
                  run.result.truncated ? ", truncated output" : "");
  auto finish = [&] {
    run.file = channel->Read();
    return AppendSection(log, title, request.log, closing);
  };
  const Result<void> logged = co_await Offload(compute_, finish);
  // A full disk is told by what needs the disk; a log decides nothing.
  if (!logged) LogWarning(logged.error().Text());
  co_return Result<PhaseRun>(boost::system::in_place_value, std::move(run));
}

}  // namespace coppice::eval
