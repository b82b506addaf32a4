#pragma once

#include <map>
#include <optional>
#include <vector>

#include "llm/proposer.h"

namespace coppice::testing {

// The record of one attempt's calls in memory. What is answered is on record
// at once, so a second Propose on the same log takes it up again.
class MemoryCallLog final : public llm::CallLog {
 public:
  // Puts an answer on record, as if an earlier process had got it.
  void Remember(llm::Answered answered);
  // Grants no call of this turn or a later one.
  void RefuseFrom(int turn) { refuse_from_ = turn; }
  void Close() { closed_ = true; }

  const llm::Answered* Past(int turn) const override;
  Task<bool> Ask(llm::Asked asked) override;
  void Answer(llm::Answered answered) override;
  bool closed() const override { return closed_; }

  // What was asked and answered through this object, refused calls left out.
  std::vector<llm::Asked> asked;
  std::vector<llm::Answered> answered;

 private:
  std::map<int, llm::Answered> past_;
  std::optional<int> refuse_from_;
  bool closed_ = false;
};

}  // namespace coppice::testing
