#pragma once

#include <functional>
#include <string>

#include "base/task.h"
#include "llm/proposer.h"
#include "search/budget.h"
#include "search/event.h"
#include "search/state.h"

namespace coppice::search {

// The record of one attempt's calls to one arm, kept in the journal, with the
// budget in between: what a call may cost at worst is reserved before it is
// made. Conductor thread; lives as long as the attempt's Propose.
class Calls final : public llm::CallLog {
 public:
  struct Parts {
    const State& state;
    const Budget& budget;
    Signal& settled;  // notified after every answer
    std::function<void(Event)> record;
    std::function<bool()> closed;  // nothing new may be asked
  };
  // `seen`: of the request.
  Calls(Parts parts, AttemptId attempt, std::string arm, std::int64_t seen);

  const llm::Answered* Past(int turn) const override;
  Task<bool> Ask(llm::Asked asked) override;
  void Answer(llm::Answered answered) override;
  bool closed() const override { return parts_.closed(); }

  // The last Ask was refused for money or tokens; which.
  const std::string& exhausted() const { return exhausted_; }

 private:
  const Turn* Own(int turn) const;

  Parts parts_;
  AttemptId attempt_;
  std::string arm_;
  std::int64_t seen_;
  std::string exhausted_;
};

}  // namespace coppice::search
