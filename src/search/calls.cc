#include "search/calls.h"

#include <utility>

#include "spec/models.h"

namespace coppice::search {

Calls::Calls(Parts parts, AttemptId attempt, std::string arm, std::int64_t seen)
    : parts_(std::move(parts)),
      attempt_(attempt),
      arm_(std::move(arm)),
      seen_(seen) {}

// An arm counts its own turns; in the record they are numbered through the
// attempt, which may have been with another arm before.
std::optional<Turn> Calls::Own(int turn) const {
  int own = 0;
  const InfoView info = parts_.state.Info(attempt_);
  for (const Turn& known : info->turns) {
    if (known.arm == arm_ && own++ == turn) return known;
  }
  return std::nullopt;
}

const llm::Answered* Calls::Past(int turn) const {
  const std::optional<Turn> own = Own(turn);
  return own ? own->answered.get() : nullptr;  // the state's
}

// Whoever of the company waits for an answer is told that there is none.
Calls::~Calls() { Tell(nullptr); }

void Calls::Tell(const llm::Answered* answer) {
  const std::string question = std::exchange(owed_, "");
  if (question.empty()) return;
  if (answer != nullptr && !answer->stop.starts_with("failed")) {
    parts_.company->Learn(arm_, question, *answer);
  } else {
    parts_.company->Forget(arm_, question);
  }
}

Task<std::optional<llm::Answered>> Calls::Known(llm::Asked asked) {
  if (parts_.company == nullptr) co_return std::nullopt;
  owed_ = QuestionOf(parts_.state, attempt_, asked);
  std::optional<llm::Answered> known =
      co_await parts_.company->Recall(arm_, owed_);
  if (known) owed_.clear();
  co_return known;
}

Task<bool> Calls::Ask(llm::Asked asked) {
  const std::int64_t worst = spec::ToPicodollars(asked.reserve_usd);
  while (true) {
    if (parts_.closed()) co_return false;
    const Budget::Grant together =
        parts_.company == nullptr ? Budget::Grant::kYes
                                  : parts_.company->Affords(asked.reserve_usd);
    if (together == Budget::Grant::kNo) co_return false;
    if (together == Budget::Grant::kWait) {
      co_await parts_.settled.Wait();
      continue;
    }
    const Consumption used = parts_.state.Used(parts_.state.last_at());
    const Budget::Decision decision =
        parts_.budget.Affords(used, worst, asked.reserve_tokens);
    if (decision.grant == Budget::Grant::kYes) break;
    if (decision.grant == Budget::Grant::kNo) {
      exhausted_ = decision.limit;
      co_return false;
    }
    co_await parts_.settled.Wait();
  }
  asked.attempt = attempt_;
  asked.arm = arm_;
  asked.seen = seen_;
  asked.turn = static_cast<int>(parts_.state.Info(attempt_)->turns.size());
  parts_.record(std::move(asked));
  co_return true;
}

void Calls::Answer(llm::Answered answered) {
  // Ended with us, by us: a resume finds the call open and makes it again.
  if (answered.stop == "cancelled") return Tell(nullptr);
  answered.attempt = attempt_;
  const InfoView info = parts_.state.Info(attempt_);
  for (const Turn& turn : info->turns) {
    if (turn.arm == arm_ && turn.answered_seq == 0) answered.turn = turn.turn;
  }
  Tell(&answered);
  parts_.record(std::move(answered));
  parts_.settled.Notify();
}

}  // namespace coppice::search
