#pragma once

#include <functional>
#include <string>

#include "base/task.h"
#include "llm/proposer.h"
#include "search/budget.h"
#include "search/company.h"
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
    Company* company = nullptr;    // of a study's searches
  };
  // `seen`: of the request.
  Calls(Parts parts, AttemptId attempt, std::string arm, std::int64_t seen);
  ~Calls() override;

  const llm::Answered* Past(int turn) const override;
  Task<std::optional<llm::Answered>> Known(llm::Asked asked) override;
  Task<bool> Ask(llm::Asked asked) override;
  void Answer(llm::Answered answered) override;
  bool closed() const override { return parts_.closed(); }

  // The last Ask was refused for money or tokens; which.
  const std::string& exhausted() const { return exhausted_; }

 private:
  std::optional<Turn> Own(int turn) const;
  void Tell(const llm::Answered* answer);

  Parts parts_;
  AttemptId attempt_;
  std::string arm_;
  std::int64_t seen_;
  std::string exhausted_;
  std::string owed_;  // the question whose answer the company waits for
};

}  // namespace coppice::search
