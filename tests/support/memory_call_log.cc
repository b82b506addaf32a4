#include "support/memory_call_log.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <utility>

namespace coppice::testing {

void MemoryCallLog::Remember(llm::Answered answer) {
  const int turn = answer.turn;
  past_[turn] = std::move(answer);
}

const llm::Answered* MemoryCallLog::Past(int turn) const {
  const auto found = past_.find(turn);
  return found == past_.end() ? nullptr : &found->second;
}

Task<bool> MemoryCallLog::Ask(llm::Asked call) {
  CHECK_MESSAGE(!past_.contains(call.turn), "turn ", call.turn,
                " is on record and asked again");
  if (closed_ || (refuse_from_ && call.turn >= *refuse_from_)) co_return false;
  asked.push_back(std::move(call));
  co_return true;
}

void MemoryCallLog::Answer(llm::Answered answer) {
  const bool was_asked = std::ranges::any_of(
      asked, [&](const llm::Asked& call) { return call.turn == answer.turn; });
  CHECK_MESSAGE(was_asked, "turn ", answer.turn, " was never asked");
  CHECK_MESSAGE(!past_.contains(answer.turn), "turn ", answer.turn,
                " is answered twice");
  answered.push_back(answer);
  Remember(std::move(answer));
}

}  // namespace coppice::testing
