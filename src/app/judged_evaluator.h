#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "eval/baseline_lock.h"
#include "eval/evaluator.h"
#include "llm/judge.h"
#include "search/judging.h"
#include "spec/spec.h"

namespace coppice::app {

// The calls of a judge before there is a run to record them: kept in memory,
// and bound by the same caps. Conductor thread.
class PreflightCalls final : public llm::CallLog {
 public:
  explicit PreflightCalls(const spec::Spec& spec);

  const llm::Answered* Past(int) const override { return nullptr; }
  Task<bool> Ask(llm::Asked asked) override;
  void Answer(llm::Answered answered) override;
  bool closed() const override { return closed_; }
  void Close() { closed_ = true; }

  int calls() const { return calls_; }
  const llm::CallUsage& usage() const { return usage_; }  // of all together
  // Everything that was asked and answered, for people.
  const std::string& transcript() const { return transcript_; }

 private:
  search::JudgePurse purse_;
  search::Budget budget_;
  bool closed_ = false;
  int calls_ = 0;
  std::int64_t picodollars_ = 0;
  llm::CallUsage usage_;
  std::string transcript_;
};

// An evaluator whose samples come with the judge's numbers. A judge that is
// not to be believed, or cannot be paid, makes them lost. With `fresh`, scores
// from before do not count.
std::unique_ptr<eval::Evaluator> MakeJudgedEvaluator(eval::Evaluator& evaluator,
                                                     llm::Judge& judge,
                                                     llm::CallLog& calls,
                                                     bool fresh);

// What judging the base has cost, as one call of the run.
std::pair<search::Asked, search::Answered> JudgedOnce(
    const std::vector<std::string>& models, const eval::JudgedBase& judged);

}  // namespace coppice::app
