#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/task.h"
#include "eval/evaluator.h"
#include "llm/judge.h"
#include "search/budget.h"
#include "search/event.h"
#include "search/state.h"

namespace coppice::search {

// A racer's judge_score by the second draw, beside the others of a sample.
inline constexpr const char* kSecondDraw = "judge_score_second_draw";

// What a judge may spend (judge.max_cost_usd): settled and under way.
class JudgePurse {
 public:
  explicit JudgePurse(const spec::Judge& judge);

  // May a call be made that costs `worst` at most, beside what is spent, kept
  // for later and under way? In picodollars.
  Budget::Grant Affords(std::int64_t spent, std::int64_t kept,
                        std::int64_t worst) const;
  void Reserve(std::int64_t worst) { reserved_ += worst; }
  void Settle(std::int64_t worst) { reserved_ -= worst; }

  // What the final will take, if a sample costs so much: at most half.
  std::int64_t Kept(const State& state) const;

 private:
  std::optional<std::int64_t> limit_;
  std::int64_t reserved_ = 0;
};

// A gate or guard that fails on the numbers that no judge fills in, as
// FailedGate says it.
std::optional<std::string> FailedBeforeJudge(
    const spec::Spec& spec, const std::map<std::string, double>& numbers,
    const std::map<std::string, double>& baseline);

// Scores samples by the judge (MEASURE §12): after the gates, and before the
// sample is recorded. Its calls are on record as the node's, with the role
// "judge". Conductor thread; everything referred to must outlive it.
class Judging {
 public:
  struct Parts {
    llm::Judge& judge;
    const State& state;
    const Budget& budget;
    Clock& clock;
    Signal& settled;  // notified after every answer
    std::function<void(Event)> record;
    std::function<bool()> closed;  // nothing new may be asked
    std::function<void(std::string limit)> exhausted;  // no money for it
  };
  explicit Judging(Parts parts);

  // Adds the judge's numbers to a sample that did not fail. One whose numbers
  // fail a gate ends as degenerate instead; an unreliable judge is tried three
  // times, and then the sample is lost. False: it may not be asked any more.
  Task<bool> Score(AttemptId node, eval::Sample& sample);

 private:
  class Log;

  bool PassesGates(eval::Sample& sample) const;
  // In the final, each racer and the baseline once by the second draw.
  Task<void> ScoreAgain(AttemptId node, eval::Sample& sample);

  Parts parts_;
  JudgePurse purse_;
};

}  // namespace coppice::search
