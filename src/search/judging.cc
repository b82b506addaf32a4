#include "search/judging.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "search/calls.h"
#include "search/decide.h"
#include "spec/judge_names.h"
#include "spec/models.h"

// A judge is a part of the measurement, so what goes wrong with it is lost and
// tried again like all that is ours; but the money is the run's, so its calls
// go through the same reservation as proposals, and through a second one of
// its own cap. Of that cap the final's share is kept back until the final.

namespace coppice::search {
namespace {

constexpr std::array<std::chrono::seconds, 2> kPauses = {
    std::chrono::seconds(1), std::chrono::seconds(5)};
constexpr double kFinalShare = 0.1;  // of what judging has cost
constexpr const char* kCap = "judge.max_cost_usd";

}  // namespace

JudgePurse::JudgePurse(const spec::Judge& judge) {
  if (judge.max_cost_usd) limit_ = spec::ToPicodollars(*judge.max_cost_usd);
}

Budget::Grant JudgePurse::Affords(std::int64_t spent, std::int64_t kept,
                                  std::int64_t worst) const {
  if (!limit_ || worst <= 0) return Budget::Grant::kYes;
  const std::int64_t left = *limit_ - spent - kept;
  if (worst <= left - reserved_) return Budget::Grant::kYes;
  return worst <= left && reserved_ > 0 ? Budget::Grant::kWait
                                        : Budget::Grant::kNo;
}

std::int64_t JudgePurse::Kept(const State& state) const {
  const State::Judged judged = state.judged();
  if (!limit_ || judged.samples == 0) return 0;
  const NoiseModel noise = state.noise();
  const int racers = std::min(
      kFinalists, static_cast<int>(state.order_of_completion().size()));
  const double sample =
      static_cast<double>(judged.picodollars) / judged.samples;
  const double kept =
      std::max(sample * (SmallestRace(racers, noise) + racers + 1),
               kFinalShare * static_cast<double>(judged.picodollars));
  return static_cast<std::int64_t>(
      std::min(kept, static_cast<double>(*limit_) / 2));
}

std::optional<std::string> FailedBeforeJudge(
    const spec::Spec& spec, const std::map<std::string, double>& numbers,
    const std::map<std::string, double>& baseline) {
  spec::Metric before = spec.metric;
  auto judged = [&](const auto& entry) {
    return spec::FilledByJudge(spec, entry.name);
  };
  std::erase_if(before.gates, judged);
  std::erase_if(before.guards, judged);
  if (auto failed = FailedGate(before, numbers)) return "gate " + *failed;
  if (auto failed = FailedGuard(before, numbers, baseline)) {
    return "guard " + *failed;
  }
  return std::nullopt;
}

// The node's record of calls, with the judge's own cap before the budget.
class Judging::Log final : public llm::CallLog {
 public:
  Log(Judging& owner, AttemptId node)
      : owner_(owner),
        calls_({owner.parts_.state, owner.parts_.budget, owner.parts_.settled,
                owner.parts_.record, owner.parts_.closed},
               node, kJudgeRole, 0) {}

  const llm::Answered* Past(int turn) const override {
    return calls_.Past(turn);
  }
  bool closed() const override { return calls_.closed(); }

  Task<bool> Ask(llm::Asked asked) override {
    const State& state = owner_.parts_.state;
    reserve_ = spec::ToPicodollars(asked.reserve_usd);
    while (true) {
      if (closed()) co_return false;
      // The final may spend what was kept for it.
      const std::int64_t kept =
          state.race().empty() ? owner_.purse_.Kept(state) : 0;
      const Budget::Grant grant =
          owner_.purse_.Affords(state.judged().picodollars, kept, reserve_);
      if (grant == Budget::Grant::kYes) break;
      if (grant == Budget::Grant::kNo) {
        exhausted_ = kCap;
        co_return false;
      }
      co_await owner_.parts_.settled.Wait();
    }
    owner_.purse_.Reserve(reserve_);
    const bool granted = co_await calls_.Ask(std::move(asked));
    if (!granted) owner_.purse_.Settle(reserve_);
    co_return granted;
  }

  void Answer(llm::Answered answered) override {
    owner_.purse_.Settle(reserve_);
    calls_.Answer(std::move(answered));
  }

  // Which limit has refused a call; empty if none has.
  const std::string& exhausted() const {
    return exhausted_.empty() ? calls_.exhausted() : exhausted_;
  }

 private:
  Judging& owner_;
  Calls calls_;
  std::int64_t reserve_ = 0;  // of the call under way
  std::string exhausted_;
};

Judging::Judging(Parts parts)
    : parts_(std::move(parts)), purse_(*parts_.state.spec().judge) {}

// Money is spent on what can still become something.
bool Judging::PassesGates(eval::Sample& sample) const {
  const State& state = parts_.state;
  std::map<std::string, double> baseline;
  for (const spec::Guard& guard : state.spec().metric.guards) {
    if (auto number = state.measurements().Number(AttemptId(0), guard.name)) {
      baseline[guard.name] = *number;
    }
  }
  const auto failed = FailedBeforeJudge(state.spec(), sample.metrics, baseline);
  if (!failed) return true;
  eval::Failure failure;
  failure.outcome = Outcome::kDegenerate;
  failure.verdict = Verdict::kOk;
  failure.reason = *failed;
  failure.log = sample.log;
  sample.failure = std::move(failure);
  return false;
}

// Nothing is decided by it: what goes wrong with it costs its number alone.
Task<void> Judging::ScoreAgain(AttemptId node, eval::Sample& sample) {
  const State& state = parts_.state;
  if (sample.phase != SamplePhase::kFinal || state.race_samples().count(node) ||
      parts_.judge.drawn().second.empty()) {
    co_return;
  }
  Log log(*this, node);
  llm::JudgeRequest request{.items = sample.items,
                            .sample = sample.index,
                            .fresh = true,
                            .second = true};
  const llm::Judged judged = co_await parts_.judge.Score(request, log);
  const auto score = judged.metrics.find(std::string(spec::kJudgeScore));
  if (score != judged.metrics.end()) {
    sample.metrics[kSecondDraw] = score->second;
    co_return;
  }
  Noted note;
  note.kind = "judge_second_draw";
  note.attempt = node;
  note.text = log.exhausted().empty() ? judged.lost : log.exhausted();
  parts_.record(std::move(note));
}

Task<bool> Judging::Score(AttemptId node, eval::Sample& sample) {
  if (sample.failure) co_return true;
  const bool screen = sample.phase == SamplePhase::kScreen;
  if (screen && !PassesGates(sample)) co_return true;
  llm::Judged judged;
  for (std::size_t tries = 0; tries <= kPauses.size(); ++tries) {
    Log log(*this, node);
    judged = co_await parts_.judge.Score(
        {.items = sample.items, .sample = sample.index, .fresh = !screen}, log);
    if (!judged.metrics.empty()) {
      for (const auto& [name, number] : judged.metrics) {
        sample.metrics[name] = number;
      }
      co_await ScoreAgain(node, sample);
      sample.items.clear();
      co_return true;
    }
    if (!log.exhausted().empty()) {
      parts_.exhausted(log.exhausted());
      co_return false;
    }
    if (parts_.closed()) co_return false;
    if (tries < kPauses.size()) co_await parts_.clock.SleepFor(kPauses[tries]);
  }
  sample.verdict = Verdict::kLost;
  eval::Failure failure;
  failure.verdict = Verdict::kLost;
  failure.reason = judged.lost;
  failure.log = sample.log;
  sample.failure = std::move(failure);
  co_return true;
}

}  // namespace coppice::search
