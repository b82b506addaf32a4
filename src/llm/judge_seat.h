#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/task.h"
#include "llm/asking.h"
#include "llm/judge_batches.h"
#include "llm/judge_talk.h"

namespace coppice::llm {

// The calls of one sample. What is on record belongs to samples that were
// taken before: each one is judged anew.
class JudgeCalls final : public CallLog {
 public:
  explicit JudgeCalls(CallLog& log) : log_(log) {}

  // The next conversation counts its turns from 0.
  void Begin() { begun_ = turns_; }

  const Answered* Past(int) const override { return nullptr; }
  Task<bool> Ask(Asked asked) override {
    asked.turn += begun_;
    turns_ = asked.turn + 1;
    co_return co_await log_.Ask(std::move(asked));
  }
  void Answer(Answered answered) override {
    answered.turn += begun_;
    log_.Answer(std::move(answered));
  }
  bool closed() const override { return log_.closed(); }

 private:
  CallLog& log_;
  int begun_ = 0;
  int turns_ = 0;
};

// What a batch came to.
struct BatchEnd {
  std::vector<ItemScore> scores;  // in the order of its entries, if any
  std::string lost;
  std::string cause;
};

// One model that judges: alone, or in a panel. Conductor thread.
class JudgeSeat {
 public:
  struct Parts {
    std::string model;  // as the spec names it
    std::int64_t seed = 0;
    Clock& clock;
    Semaphore& requests;
  };
  JudgeSeat(std::unique_ptr<Endpoint> endpoint, Parts parts)
      : endpoint_(std::move(endpoint)), parts_(std::move(parts)) {}

  const std::string& model() const { return parts_.model; }

  // Asks for one batch, and once more if its anchors say that the judge is not
  // to be believed.
  Task<BatchEnd> Judge(JudgeTask task, std::vector<BatchEntry> entries,
                       JudgeCalls& log);

 private:
  Task<BatchEnd> AskBothWays(const JudgeTask& task,
                             const std::vector<BatchEntry>& entries,
                             JudgeCalls& log, Instant deadline);
  Task<BatchEnd> AskOnce(const JudgeTask& task,
                         const std::vector<BatchEntry>& entries,
                         JudgeCalls& log, Instant deadline);
  Task<Heard> Hear(Asking& asking, const std::vector<Utterance>& said,
                   CallLog& log, Instant deadline);

  const std::unique_ptr<Endpoint> endpoint_;
  const Parts parts_;
};

}  // namespace coppice::llm
