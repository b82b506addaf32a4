#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "eval/failure_signature.h"
#include "eval/judge_items.h"
#include "eval/local_parts.h"
#include "eval/metrics_stream.h"
#include "eval/phase_failure.h"
#include "eval/tree_files.h"
#include "spec/judge_names.h"

// Every command is followed by one look at what it wrote: an immutable path
// among that makes the node `tampered`, whatever else the command did, and the
// slot is made anew. Processes of a command are dead when the sandbox returns,
// so nothing can write between that look and the next command.

namespace coppice::eval {
namespace {

constexpr std::size_t kTailLines = 50;
constexpr std::size_t kMetricTailLines = 20;

// What the holdout's command printed is for the user alone.
void HideOutput(Failure& failure) {
  if (failure.outcome != Outcome::kTampered) {
    failure.outcome = Outcome::kInconclusive;
  }
  failure.reason = "holdout: " + failure.reason;
  failure.tail.clear();
}

// What the supervisor saw, under the names that decide.
std::map<std::string, double> BuiltIns(const MetricContract& contract,
                                       const CommandResult& result) {
  const std::map<std::string, double> all{
      {"@wall", result.wall_seconds},
      {"@cpu", result.cpu_seconds},
      {"@maxrss", 1024.0 * static_cast<double>(result.max_rss_kb)}};
  std::map<std::string, double> wanted;
  for (const auto& [name, value] : all) {
    if (contract.declared.contains(name)) wanted.emplace(name, value);
  }
  return wanted;
}

std::string Joined(const std::vector<std::string>& offences) {
  constexpr std::size_t kShown = 5;
  std::string text;
  for (std::size_t i = 0; i < std::min(offences.size(), kShown); ++i) {
    text += (i == 0 ? "" : ", ") + offences[i];
  }
  if (offences.size() > kShown) {
    text += fmt::format(" and {} more", offences.size() - kShown);
  }
  return text;
}

}  // namespace

std::string LogName(AttemptId attempt) {
  return fmt::format("nodes/{}/eval.log", attempt.value());
}

// Apart, because the other log is shown to those who must not know.
std::string HoldoutLogName(AttemptId attempt) {
  return fmt::format("nodes/{}/holdout.log", attempt.value());
}

bool MayTryAgain(const Failure& failure) {
  return failure.verdict == Verdict::kLost && !failure.outcome &&
         failure.reason != kCancelled;
}

Task<std::optional<Failure>> LocalSteps::Prepare(Target target, Ready& ready,
                                                 PhaseSeconds& seconds) {
  std::optional<Failure> failure = co_await LeaseSlot(target, ready);
  if (failure) co_return failure;
  for (PhaseCommand& command : PreparingCommands(parts_.setup.spec)) {
    const EvalPhase phase = command.phase;
    const Instant start = parts_.clock.Now();
    std::optional<PhaseRun> run;
    failure = co_await RunCommand(target, ready, std::move(command), run);
    const Duration took = parts_.clock.Now() - start;
    double& sum = phase == EvalPhase::kBuild ? seconds.build : seconds.checks;
    sum += std::chrono::duration<double>(took).count();
    if (failure) co_return failure;
  }
  co_return std::nullopt;
}

Task<std::optional<Failure>> LocalSteps::LeaseSlot(Target target,
                                                   Ready& ready) {
  Result<std::filesystem::path> base = co_await workspaces_.BaseCheckout();
  if (!base) co_return SlotFailure(target, base.error());
  if (!parts_.walked) co_await LearnFromCheckout(*base);
  const SlotUse use = target.clean ? SlotUse::kClean : SlotUse::kEvaluate;
  Result<std::unique_ptr<Lease>> lease =
      co_await workspaces_.Acquire(target.commit, use);
  if (!lease) co_return SlotFailure(target, lease.error());
  ready.base = std::move(*base);
  ready.lease = std::move(*lease);
  co_return std::nullopt;
}

// A base checkout may have been built by an earlier process, so what setup and
// build leave in immutable directories is looked for, not observed.
Task<void> LocalSteps::LearnFromCheckout(std::filesystem::path base) {
  BaselineHabits found;
  auto walk = [&] { parts_.guard.LearnByWalking(base, found); };
  co_await Offload(parts_.compute, walk);
  parts_.habits.by_products.merge(found.by_products);
  parts_.walked = true;
}

// Setup or build of the base failed: on the baseline that is the base's own
// failure, later it is ours, and no second try would help.
Failure LocalSteps::SlotFailure(Target target, const Error& error) const {
  if (error.code == ErrorCode::kCheck && parts_.provision_failure) {
    Failure failure = *parts_.provision_failure;
    if (target.attempt != AttemptId(0)) failure.outcome.reset();
    return failure;
  }
  return LostFailure(EvalPhase::kSetup, error.Text(), LogName(target.attempt));
}

Task<std::optional<Failure>> LocalSteps::RunCommand(
    Target target, Ready& ready, PhaseCommand command,
    std::optional<PhaseRun>& run) {
  const EvalPhase phase = command.phase;
  const std::string log = phase == EvalPhase::kHoldout
                              ? HoldoutLogName(target.attempt)
                              : LogName(target.attempt);
  const std::string words = command.command;
  Result<PhaseRun> done =
      co_await parts_.runner.Run(std::move(command), ready.lease->tree(),
                                 ready.base, parts_.setup.run_directory / log);
  if (!done) co_return LostFailure(phase, done.error().Text(), log);
  if (done->result.verdict == Verdict::kLost) {
    ready.lease->MarkDirty();
    co_return CommandFailure(phase, words, done->result, log);
  }
  if (!ready.lease->Intact()) {
    ready.lease->MarkDirty();
    co_return LostFailure(phase, "the slot was taken away", log);
  }
  run = std::move(*done);
  if (run->result.leaked) ready.lease->MarkDirty();
  std::optional<Failure> failure =
      co_await CheckTampering(target, ready, phase);
  if (failure) {
    if (failure->outcome) failure->tail = TailOf(run->result, kTailLines);
    co_return failure;
  }
  if (run->result.verdict == Verdict::kOk) co_return std::nullopt;
  co_return CommandFailure(phase, words, run->result, log);
}

Task<std::optional<Failure>> LocalSteps::CheckTampering(Target target,
                                                        Ready& ready,
                                                        EvalPhase phase) {
  const std::string log = LogName(target.attempt);
  Result<std::vector<TouchedPath>> touched =
      co_await workspaces_.Touched(*ready.lease);
  if (!touched) co_return LostFailure(phase, touched.error().Text(), log);
  // The worker gets copies: habits may change while it looks.
  const bool is_base = target.attempt == AttemptId(0);
  BaselineHabits habits = parts_.habits;
  auto look = [&] {
    const WorkTree& tree = ready.lease->tree();
    if (is_base) parts_.guard.Learn(tree, *touched, habits);
    return parts_.guard.Offences(tree, *touched, habits);
  };
  const std::vector<std::string> offences =
      co_await Offload(parts_.compute, look);
  if (is_base) {
    parts_.habits.by_products.merge(habits.by_products);
    parts_.habits.rewritten.merge(habits.rewritten);
  }
  if (offences.empty()) co_return std::nullopt;
  ready.lease->MarkDirty();
  Failure failure{.outcome = Outcome::kTampered,
                  .verdict = Verdict::kFailed,
                  .phase = phase,
                  .reason = "wrote what is immutable: " + Joined(offences),
                  .signature = {},
                  .tail = {},
                  .log = log};
  if (is_base) {
    failure.reason +=
        "; the evaluation of the base does that itself: take it out of "
        "scope.immutable, or let it write elsewhere";
  }
  failure.signature = FailureSignature(phase, Verdict::kFailed,
                                       "tampered: " + offences.front());
  co_return failure;
}

Task<std::optional<Failure>> LocalSteps::RestoreCopies(Ready& ready) {
  const std::vector<std::string>& copies = parts_.setup.spec.evaluation.copy;
  if (copies.empty()) co_return std::nullopt;
  const Result<void> restored =
      co_await workspaces_.Restore(*ready.lease, copies);
  if (restored) co_return std::nullopt;
  ready.lease->MarkDirty();
  co_return LostFailure(EvalPhase::kMeasure, restored.error().Text(), "");
}

Task<std::optional<Failure>> LocalSteps::Warmup(Target target, Ready& ready,
                                                SampleRequest request) {
  for (int i = 0; i < parts_.setup.spec.evaluation.warmup; ++i) {
    std::optional<Failure> failure = co_await RestoreCopies(ready);
    if (failure) co_return failure;
    PhaseCommand command = MeasuringCommand(parts_.setup.spec, request);
    command.title = fmt::format("warm-up {}", i + 1);
    std::optional<PhaseRun> run;
    failure = co_await RunCommand(target, ready, std::move(command), run);
    if (failure) co_return failure;
  }
  co_return std::nullopt;
}

// The holdout's files are in the slot only while its command runs, and the
// slot is made anew for the next node.
Task<Sample> LocalSteps::Measure(Target target, Ready& ready,
                                 SampleRequest request) {
  if (request.phase != SamplePhase::kHoldout) {
    co_return co_await MeasureOnce(target, ready, request);
  }
  const std::vector<std::string>& files =
      parts_.setup.spec.evaluation.holdout->copy;
  ready.lease->MarkDirty();
  const Result<void> lent = co_await workspaces_.Lend(*ready.lease, files);
  Sample sample;
  if (lent) {
    sample = co_await MeasureOnce(target, ready, request);
    if (sample.failure && sample.failure->outcome) HideOutput(*sample.failure);
  }
  const Result<void> taken = co_await workspaces_.TakeBack(*ready.lease, files);
  if (!lent || !taken) {
    sample.index = request.index;
    sample.phase = request.phase;
    sample.slot = ready.lease->tree().slot;
    sample.log = HoldoutLogName(target.attempt);
    sample.verdict = Verdict::kLost;
    sample.failure = LostFailure(
        EvalPhase::kHoldout, (lent ? taken : lent).error().Text(), sample.log);
  }
  co_return sample;
}

Task<Diagnosis> LocalSteps::Diagnose(Target target, Ready& ready) {
  constexpr std::size_t kMostText = 8192;
  std::optional<PhaseRun> run;
  const std::optional<Failure> failure = co_await RunCommand(
      target, ready, DiagnosingCommand(parts_.setup.spec), run);
  if (failure) co_return Diagnosis{.text = {}, .problem = failure->reason};
  co_return Diagnosis{.text = HeadAndTail(run->result.out.Text(), kMostText),
                      .problem = {}};
}

Task<Sample> LocalSteps::MeasureOnce(Target target, Ready& ready,
                                     SampleRequest request) {
  const spec::Evaluation& evaluation = parts_.setup.spec.evaluation;
  Sample sample;
  sample.index = request.index;
  sample.phase = request.phase;
  sample.slot = ready.lease->tree().slot;
  sample.log = request.phase == SamplePhase::kHoldout
                   ? HoldoutLogName(target.attempt)
                   : LogName(target.attempt);
  sample.failure = co_await RestoreCopies(ready);
  if (sample.failure) {
    sample.verdict = Verdict::kLost;
    co_return sample;
  }
  const WorkTree tree = ready.lease->tree();
  const bool by_files = evaluation.output == spec::OutputFormat::kTree;
  if (by_files) {
    auto clear = [&] { RemoveTreeFiles(tree, evaluation.output_glob); };
    co_await Offload(parts_.compute, clear);
  }
  const std::optional<spec::Judge>& judge = parts_.setup.spec.judge;
  if (judge) {
    auto clear = [&] { RemoveTreeFiles(tree, judge->items); };
    co_await Offload(parts_.compute, clear);
  }
  MetricScanner scanner(parts_.contract);
  AbortWatch watch(evaluation.abort_on, parts_.abort_patterns);
  PhaseCommand command = MeasuringCommand(parts_.setup.spec, request);
  command.on_output = [&](OutputStream stream, std::string_view chunk) {
    scanner.Feed(stream, chunk);
    return watch.Feed(stream, chunk);
  };
  std::optional<PhaseRun> run;
  sample.failure = co_await RunCommand(target, ready, std::move(command), run);
  if (!run) {
    sample.verdict = Verdict::kLost;
    co_return sample;
  }
  const CommandResult& result = run->result;
  sample.verdict = result.verdict;
  sample.exit_code = result.exit_code;
  sample.signal = result.signal;
  sample.seconds = result.wall_seconds;
  sample.cpu_seconds = result.cpu_seconds;
  sample.rss_kb = result.max_rss_kb;
  sample.leaked = result.leaked;
  sample.truncated = result.truncated;
  sample.host = run->host;
  if (sample.failure && sample.failure->outcome == Outcome::kCensored) {
    sample.failure->reason = watch.reason();
  }
  std::map<std::string, double> built_ins = BuiltIns(parts_.contract, result);
  if (result.verdict == Verdict::kOk) {
    std::optional<Failure> lost = co_await MeasureSizes(ready, built_ins);
    if (lost) {
      sample.verdict = Verdict::kLost;
      sample.failure = std::move(lost);
      co_return sample;
    }
  }
  // A copy, because other samples may add to the units meanwhile.
  const std::map<std::string, std::string> units = parts_.units;
  auto extract = [&] {
    std::vector<ResultFile> files;
    if (by_files) {
      files = ReadTreeFiles(tree, evaluation.output_glob);
    } else if (run->file) {
      files.push_back(std::move(*run->file));
    }
    return scanner.Finish(files, units, built_ins);
  };
  Extraction extraction = co_await Offload(parts_.compute, extract);
  JudgeNumbers(target, std::move(extraction), sample);
  if (judge && !sample.failure) co_await TakeItems(target, tree, sample);
  if (sample.failure && sample.failure->outcome == Outcome::kMetricError) {
    sample.failure->tail = TailOf(result, kMetricTailLines);
  }
  co_return sample;
}

// What the judge is to see is read while nothing runs in the slot.
Task<void> LocalSteps::TakeItems(Target target, WorkTree tree, Sample& sample) {
  const spec::Spec& spec = parts_.setup.spec;
  auto judged = [&](const auto& number) {
    return spec::FilledByJudge(spec, number.first);
  };
  std::erase_if(sample.metrics, judged);
  auto read = [&] { return ReadItems(tree, spec.judge->items); };
  ItemsRead items = co_await Offload(parts_.compute, read);
  if (auto* all = std::get_if<std::vector<JudgeItem>>(&items)) {
    sample.items = std::move(*all);
    co_return;
  }
  Extraction extraction;
  extraction.numbers = std::move(sample.metrics);
  extraction.problem = std::get<MetricProblem>(std::move(items));
  JudgeNumbers(target, std::move(extraction), sample);
}

// "@size:GLOB": as the slot shows it to commands, so a command looks.
Task<std::optional<Failure>> LocalSteps::MeasureSizes(
    Ready& ready, std::map<std::string, double>& built_ins) {
  constexpr std::string_view kSize = "@size:";
  std::vector<std::string> names;
  for (const std::string& name : parts_.contract.required) {
    if (name.starts_with(kSize)) names.push_back(name);
  }
  if (names.empty()) co_return std::nullopt;
  PhaseCommand list;
  list.phase = EvalPhase::kMeasure;
  list.command = "find . -type f -printf '%s %P\\n'";
  list.timeout =
      std::chrono::seconds(parts_.setup.spec.evaluation.timeout_seconds);
  list.title = "sizes";
  LineStream lines;
  auto add = [&](std::string_view line) {
    const std::size_t blank = line.find(' ');
    if (blank == std::string_view::npos) return;
    const double size = ParseNumber(line.substr(0, blank)).value_or(0);
    for (const std::string& name : names) {
      if (GlobMatch(std::string_view(name).substr(kSize.size()),
                    line.substr(blank + 1))) {
        built_ins[name] += size;
      }
    }
  };
  list.on_output = [&](OutputStream stream, std::string_view chunk) {
    if (stream == OutputStream::kStdout) lines.Feed(chunk, add);
    return false;
  };
  Result<PhaseRun> done = co_await parts_.runner.Run(
      std::move(list), ready.lease->tree(), ready.base,
      parts_.setup.run_directory / "sizes.log");
  lines.Finish(add);
  if (done && done->result.verdict == Verdict::kOk) co_return std::nullopt;
  co_return LostFailure(EvalPhase::kMeasure,
                        "the sizes of files could not be listed: " +
                            (done ? done->result.reason : done.error().Text()),
                        "sizes.log");
}

// The exit code and tampering come before the numbers, which then are
// diagnostics only.
void LocalSteps::JudgeNumbers(Target target, Extraction extraction,
                              Sample& sample) {
  sample.metrics = std::move(extraction.numbers);
  if (sample.failure) return;
  Failure failure{.outcome = Outcome::kMetricError,
                  .verdict = Verdict::kOk,
                  .phase = EvalPhase::kMeasure,
                  .reason = {},
                  .signature = {},
                  .tail = {},
                  .log = LogName(target.attempt)};
  if (extraction.problem) {
    failure.reason = extraction.problem->Text();
  } else if (extraction.rejected) {
    failure.outcome = Outcome::kDegenerate;
    failure.reason = *extraction.rejected;
  } else {
    // Equal keys keep what the base, which is measured first, has set.
    for (auto& [name, unit] : extraction.units) {
      parts_.units.emplace(name, std::move(unit));
    }
    return;
  }
  failure.signature =
      FailureSignature(EvalPhase::kMeasure, Verdict::kOk, failure.reason);
  sample.failure = std::move(failure);
}

}  // namespace coppice::eval
