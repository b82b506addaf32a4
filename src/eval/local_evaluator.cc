#include "eval/local_evaluator.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "eval/host_evidence.h"
#include "eval/local_parts.h"
#include "eval/phase_failure.h"

// The life of one evaluation:
//
//   lease a slot -> build -> smoke -> checks      Open
//   restore copies -> command -> numbers          Measure, as often as asked
//
// What a candidate does wrong is an outcome and ends it. What we do wrong is
// `lost`: the slot is given up, and after a pause everything is done again in
// another one, because a broken slot is the likeliest cause. A sample that the
// machine has disturbed is nobody's fault and is taken again in the same slot.

namespace coppice::eval {
namespace {

constexpr std::array<std::chrono::seconds, 3> kPauses = {
    std::chrono::seconds(1), std::chrono::seconds(5), std::chrono::seconds(25)};
// Of a sample that the machine has disturbed.
constexpr int kQuieterTries = 3;

class LocalSession final : public Session {
 public:
  LocalSession(LocalSteps steps, Target target, Ready ready)
      : steps_(steps), target_(target), ready_(std::move(ready)) {}

  int slot() const override { return slot_; }

  Task<Sample> Measure(SampleRequest request) override {
    Sample sample = co_await MeasureUnlessLost(request);
    for (int again = 0; again < kQuieterTries; ++again) {
      if (sample.failure || !IsDisturbed(sample.host)) break;
      sample = co_await MeasureUnlessLost(request);
    }
    sample.noisy_host = IsDisturbed(sample.host);
    co_return sample;
  }

  Task<Diagnosis> Diagnose() override {
    if (!ready_.lease) co_return Diagnosis{.text = {}, .problem = "no slot"};
    co_return co_await steps_.Diagnose(target_, ready_);
  }

 private:
  Task<Sample> MeasureUnlessLost(SampleRequest request) {
    Sample sample = co_await MeasureOnce(request);
    for (const std::chrono::seconds pause : kPauses) {
      if (!sample.failure || !MayTryAgain(*sample.failure)) break;
      GiveUpSlot();
      co_await steps_.parts().clock.SleepFor(pause);
      sample = co_await MeasureOnce(request);
    }
    co_return sample;
  }

  Task<Sample> MeasureOnce(SampleRequest request) {
    std::optional<Failure> failure;
    if (!ready_.lease) {
      PhaseSeconds again;
      failure = co_await steps_.Prepare(target_, ready_, again);
      warm_ = false;
    }
    if (!failure) slot_ = ready_.lease->tree().slot;
    if (!failure && !warm_) {
      failure = co_await steps_.Warmup(target_, ready_, request);
    }
    if (failure) {
      Sample sample;
      sample.index = request.index;
      sample.phase = request.phase;
      sample.slot = slot_;
      sample.verdict = failure->verdict;
      sample.log = LogName(target_.attempt);
      sample.failure = std::move(failure);
      co_return sample;
    }
    warm_ = true;
    co_return co_await steps_.Measure(target_, ready_, request);
  }

  void GiveUpSlot() {
    if (ready_.lease) ready_.lease->MarkDirty();
    ready_.lease.reset();
  }

  LocalSteps steps_;
  const Target target_;
  Ready ready_;
  int slot_ = ready_.lease->tree().slot;
  bool warm_ = false;
};

class LocalEvaluator final : public Evaluator {
 public:
  LocalEvaluator(LocalEvaluation::Parts& parts, Workspaces& workspaces)
      : steps_(parts, workspaces) {}

  Task<Opened> Open(const Target& target) override {
    const Target mine = target;
    Opened opened;
    Ready ready;
    opened.failure = co_await steps_.Prepare(mine, ready, opened.seconds);
    for (const std::chrono::seconds pause : kPauses) {
      if (!opened.failure || !MayTryAgain(*opened.failure)) break;
      if (ready.lease) ready.lease->MarkDirty();
      ready.lease.reset();
      co_await steps_.parts().clock.SleepFor(pause);
      opened.seconds = {};
      opened.failure = co_await steps_.Prepare(mine, ready, opened.seconds);
    }
    if (!opened.failure) {
      opened.session =
          std::make_unique<LocalSession>(steps_, mine, std::move(ready));
    }
    co_return opened;
  }

 private:
  LocalSteps steps_;
};

}  // namespace

LocalEvaluation::Parts::Parts(LocalSetup s, Sandbox& sandbox, Clock& c,
                              Compute& comp)
    : setup(std::move(s)),
      contract(ContractOf(setup.spec)),
      // Validated with the specification: a pattern that fails now is a
      // broken promise and ends the run.
      abort_patterns(CompileAbortRules(setup.spec.evaluation.abort_on).value()),
      guard(setup.immutable),
      clock(c),
      compute(comp),
      runner(setup, sandbox, comp),
      habits(setup.habits),
      units(setup.units) {}

LocalEvaluation::LocalEvaluation(LocalSetup setup, Sandbox& sandbox,
                                 Clock& clock, Compute& compute)
    : parts_(
          std::make_unique<Parts>(std::move(setup), sandbox, clock, compute)) {}

LocalEvaluation::~LocalEvaluation() = default;

Provision LocalEvaluation::provision() {
  return [parts = parts_.get()](const WorkTree& tree) {
    return parts->ProvisionTree(tree);
  };
}

const BaselineHabits& LocalEvaluation::habits() const { return parts_->habits; }

const std::map<std::string, std::string>& LocalEvaluation::units() const {
  return parts_->units;
}

Task<Result<void>> LocalEvaluation::Parts::ProvisionTree(WorkTree tree) {
  const std::string log = fmt::format("slots/{}.log", tree.slot);
  for (PhaseCommand& command : ProvisioningCommands(setup.spec)) {
    const EvalPhase phase = command.phase;
    const std::string words = command.command;
    Result<PhaseRun> run = co_await runner.Run(std::move(command), tree, {},
                                               setup.run_directory / log);
    if (!run) co_return run.error();
    if (run->result.verdict == Verdict::kOk) continue;
    Failure failure = CommandFailure(phase, words, run->result, log);
    Error error{.code = ErrorCode::kCheck,
                .what = failure.reason,
                .where = (setup.run_directory / log).string(),
                .cause = failure.tail,
                .next = {}};
    if (run->result.verdict == Verdict::kLost) {
      error.code = ErrorCode::kLost;
    } else {
      provision_failure = std::move(failure);
    }
    co_return error;
  }
  co_return Ok();
}

std::unique_ptr<Evaluator> MakeLocalEvaluator(LocalEvaluation& evaluation,
                                              Workspaces& workspaces) {
  return std::make_unique<LocalEvaluator>(evaluation.parts(), workspaces);
}

}  // namespace coppice::eval
