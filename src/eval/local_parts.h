#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "eval/abort_rules.h"
#include "eval/local_evaluator.h"
#include "eval/metrics.h"
#include "eval/phase_runner.h"

// Internal to the local evaluator.

namespace coppice::eval {

struct LocalEvaluation::Parts {
  Parts(LocalSetup s, Sandbox& sandbox, Clock& c, Compute& comp);

  Task<Result<void>> ProvisionTree(WorkTree tree);

  // Constant after construction.
  const LocalSetup setup;
  const MetricContract contract;
  const std::vector<LinePattern> abort_patterns;
  const ImmutableGuard guard;

  // Used by every evaluation.
  Clock& clock;
  Compute& compute;
  PhaseRunner runner;

  // Learned from the base.
  bool walked = false;  // its checkout, for by-products
  BaselineHabits habits;
  std::map<std::string, std::string> units;
  std::optional<Failure> provision_failure;
};

// A slot in which the phases before the measurement went well.
struct Ready {
  std::unique_ptr<Lease> lease;
  std::filesystem::path base;  // COPPICE_BASE
};

// The steps of one evaluation, each tried once.
class LocalSteps {
 public:
  LocalSteps(LocalEvaluation::Parts& parts, Workspaces& workspaces)
      : parts_(parts), workspaces_(workspaces) {}

  // Leases a slot; build, smoke, checks.
  Task<std::optional<Failure>> Prepare(Target target, Ready& ready,
                                       PhaseSeconds& seconds);
  // One sample in a slot that is ready.
  Task<Sample> Measure(Target target, Ready& ready, SampleRequest request);
  Task<std::optional<Failure>> Warmup(Target target, Ready& ready,
                                      SampleRequest request);
  Task<Diagnosis> Diagnose(Target target, Ready& ready);

  LocalEvaluation::Parts& parts() { return parts_; }

 private:
  Task<std::optional<Failure>> LeaseSlot(Target target, Ready& ready);
  Task<std::optional<Failure>> MeasureSizes(
      Ready& ready, std::map<std::string, double>& built_ins);
  Task<Sample> MeasureOnce(Target target, Ready& ready, SampleRequest request);
  // Runs one command and looks at what it left; `run` is set unless lost.
  Task<std::optional<Failure>> RunCommand(Target target, Ready& ready,
                                          PhaseCommand command,
                                          std::optional<PhaseRun>& run);
  Task<std::optional<Failure>> CheckTampering(Target target, Ready& ready,
                                              EvalPhase phase);
  Task<std::optional<Failure>> RestoreCopies(Ready& ready);
  Task<void> LearnFromCheckout(std::filesystem::path base);
  Failure SlotFailure(Target target, const Error& error) const;
  Task<void> TakeItems(Target target, WorkTree tree, Sample& sample);
  void JudgeNumbers(Target target, Extraction extraction, Sample& sample);

  LocalEvaluation::Parts& parts_;
  Workspaces& workspaces_;
};

// "nodes/7/eval.log", relative to the run directory.
std::string LogName(AttemptId attempt);
std::string HoldoutLogName(AttemptId attempt);

// Is it our own fault, and may another try end better?
bool MayTryAgain(const Failure& failure);

}  // namespace coppice::eval
