#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ranges>
#include <stdexcept>
#include <utility>

#include "base/digest.h"
#include "base/json.h"
#include "search/search.h"

// Who is asked, and what becomes of it. An attempt belongs to its arm until
// that arm says that it cannot be asked: off (the user must repair something)
// or resting (its provider is out). Then another arm takes the attempt, which
// counts nothing; while all rest, the run is paused and no attempt fails.

namespace coppice::search {
namespace {

constexpr int kFailuresInRow = 3;  // of an arm: switched off, or to `whole`
constexpr auto kDiskPatience = std::chrono::minutes(30);

}  // namespace

// Asks the attempt's arm, and others while one is not there to be asked.
// Nothing: the attempt has ended, or waits for a resume.
Task<std::optional<llm::Proposal>> Search::Propose(AttemptId attempt) {
  while (true) {
    const std::string name = state_.Info(attempt)->selected.arm;
    const Arm* arm = expander_->FindArm(name);
    if (arm == nullptr || state_.arms_off().contains(name)) {
      const bool other = co_await Rearm(attempt);
      if (!other) co_return std::nullopt;
      continue;
    }
    // One after the other, in the order of selection: who reads files faster
    // does not ask earlier, so that a cassette gives each attempt its answer.
    Semaphore::Permit turn = co_await preparing_.Acquire();
    Result<llm::Request> request = co_await expander_->MakeRequest(attempt);
    turn.Release();
    if (abandoned_) co_return std::nullopt;
    if (!request) throw std::runtime_error(request.error().Text());
    auto closed = [this] { return draining_ || abandoned_ || pausing_; };
    auto record = [this](Event event) { Record(std::move(event)); };
    Calls calls({state_, *budget_, settled_, record, closed, parts_.company},
                attempt, name, request->seen);
    llm::Proposed answer = co_await expander_->Propose(
        attempt, std::move(*request), *arm->proposer, calls);
    if (abandoned_) co_return std::nullopt;
    Warn();
    if (!answer.unavailable && std::exchange(outage_, false)) {
      Record(Resumed{});
    }
    if (answer.proposal) co_return std::move(answer.proposal);
    if (!answer.unavailable) {
      Rejected rejected;
      rejected.attempt = attempt;
      rejected.outcome = answer.refusal.outcome;
      rejected.reason = answer.refusal.reason;
      rejected.usd = state_.Info(attempt)->usd;
      Record(std::move(rejected));
      WatchArm(name);
      co_return std::nullopt;
    }
    if (!calls.exhausted().empty()) {
      if (!ending_) ending_ = Ending{calls.exhausted(), "", 0};
      co_return std::nullopt;
    }
    if (closed()) co_return std::nullopt;
    if (answer.unavailable->off) SwitchOff(name, *answer.unavailable);
    const bool other = co_await Rearm(attempt);
    if (!other) co_return std::nullopt;
  }
}

// Gives the attempt to an arm that can be asked, when there is one again.
// False: the attempt waits for a resume.
Task<bool> Search::Rearm(AttemptId attempt) {
  const Choice selected = state_.Info(attempt)->selected;
  const auto reading = selected.idea.empty() ? Expander::Reading::kAny
                                             : Expander::Reading::kPrompt;
  const bool some = co_await WaitForArms(selected.op, reading);
  if (!some) co_return false;
  const Arm* arm = expander_->ChooseArm(selected.op, reading);
  if (arm != nullptr && arm->name != selected.arm) {
    Noted note;
    note.kind = "arm";
    note.attempt = attempt;
    note.text = arm->name;
    Record(std::move(note));
  }
  co_return true;
}

// Returns when an arm can be asked. While all of them rest the run is paused
// (outage), until one has answered again, and looks every second; the arms say
// themselves when they may be probed. False: none ever will, or the search
// ends.
Task<bool> Search::WaitForArms(Operator op, Expander::Reading reading) {
  while (true) {
    if (draining_ || abandoned_ || pausing_) co_return false;
    if (expander_->ChooseArm(op, reading) != nullptr) break;
    if (!expander_->AnyResting(op, reading)) {
      std::string detail = fmt::format("no proposer can do {}", Name(op));
      for (const auto& [arm, off] : state_.arms_off()) {
        detail += fmt::format("\n  {} is off: {}", arm, off.reason);
      }
      Pause("no_arm", detail);
      co_return false;
    }
    const Consumption used = state_.Used(parts_.clock.Wall());
    if (std::optional<std::string> limit = budget_->Reached(used)) {
      if (!ending_) ending_ = Ending{*limit, "", 0};
      co_return false;
    }
    if (!outage_) {
      outage_ = true;
      Paused paused;
      paused.pause = PauseClass::kOutage;
      paused.cause = "outage";
      paused.detail =
          "no provider answers; they are tried again from time to time";
      Record(std::move(paused));
    }
    co_await parts_.clock.SleepFor(std::chrono::seconds(1));
  }
  co_return true;
}

// Is a disk too full for anything new? Said once, and once when it no longer
// is.
bool Search::DiskIsFull() {
  if (!parts_.full_disk) return false;
  const bool before = no_room_.has_value();
  no_room_ = parts_.full_disk();
  if (no_room_.has_value() != before) {
    Noted note;
    note.kind = "disk";
    note.text = no_room_ ? "nothing new is started: " + *no_room_
                         : "there is room on the disk again";
    Record(std::move(note));
  }
  return no_room_.has_value();
}

// Returns when there is room on the disk again. False: nothing to wait for,
// the search ends, or it has been full for so long that somebody has to see
// to it.
Task<bool> Search::WaitForRoom() {
  if (!no_room_) co_return false;
  const Instant since = parts_.clock.Now();
  while (DiskIsFull()) {
    if (stopping() || abandoned_ || pausing_) co_return false;
    if (budget_->Reached(state_.Used(parts_.clock.Wall()))) break;
    if (parts_.clock.Now() - since >= kDiskPatience) {
      Pause("disk", *no_room_);
      co_return false;
    }
    co_await parts_.clock.SleepFor(std::chrono::seconds(1));
  }
  co_return true;
}

void Search::SwitchOff(const std::string& name, const llm::Unavailable& why) {
  for (const Arm& arm : expander_->arms()) {
    const bool same_key = !why.shared.empty() && arm.shared == why.shared;
    if (arm.name != name && !same_key) continue;
    if (state_.arms_off().contains(arm.name)) continue;
    Noted note;
    note.kind = "arm_off";
    note.text = DumpCanonical(
        Json{{"arm", arm.name}, {"cause", why.cause}, {"reason", why.reason}});
    Record(std::move(note));
  }
}

// An arm that fails three times in a row: programs go off, models are asked
// for whole files from then on.
void Search::WatchArm(const std::string& name) {
  if (replay_) return;  // it stands in the records
  const Arm* arm = expander_->FindArm(name);
  auto stats = state_.arm_stats().find(name);
  if (arm == nullptr || stats == state_.arm_stats().end()) return;
  if (stats->second.failed_in_row < kFailuresInRow) return;
  if (arm->proposer->off_after_failures()) {
    llm::Unavailable why;
    why.cause = "failures";
    why.reason = fmt::format("it failed {} times in a row", kFailuresInRow);
    SwitchOff(name, why);
  } else if (arm->proposer->style() == llm::PromptStyle::kAnswer &&
             state_.FormatOf(name) != Name(llm::EditFormat::kWhole)) {
    Noted note;
    note.kind = "format";
    note.text = DumpCanonical(
        Json{{"arm", name}, {"format", Name(llm::EditFormat::kWhole)}});
    Record(std::move(note));
  }
}

// Calls that were under way when the last process died: charged at their
// reservation, for they may have been answered; asked once more.
void Search::CloseOpenCalls() {
  for (AttemptId attempt : state_.Unanswered()) {
    const std::vector<Turn> turns = state_.Info(attempt)->turns;
    for (const Turn& turn : turns) {
      if (turn.answered_seq != 0) continue;
      Answered answered;
      answered.attempt = attempt;
      answered.turn = turn.turn;
      answered.stop = "failed: interrupted";
      answered.usage.usd = turn.reserve_usd;
      answered.usage.input = turn.reserve_tokens;
      answered.usage.estimated = true;
      Record(std::move(answered));
    }
  }
}

// sha256 of all texts of the last question to the arm that made the attempt;
// empty if it was asked none.
std::string Search::PromptOf(AttemptId attempt) {
  if (!state_.start().names_prompts) return "";
  const InfoView info = state_.Info(attempt);
  for (const Turn& turn : std::views::reverse(info->turns)) {
    if (turn.role == kJudgeRole || turn.arm != info->selected.arm) continue;
    Result<search::Record> record = parts_.journal.Read(turn.asked_seq);
    if (!record) throw std::runtime_error(record.error().Text());
    std::string texts;
    for (const auto& part : std::get<Asked>(record->event).prompt) {
      texts += part.text;
    }
    return Sha256Hex(texts);
  }
  return "";
}

void Search::OfferAgain(const Choice& merge) {
  if (replay_) return;  // it stands in the records
  const std::string idea = state_.Info(merge.parents[1])->plan.idea.str();
  if (idea.empty() || !AnyThinks()) return;
  Told told;
  told.directive =
      DumpCanonical(Json{{"idea", idea},
                         {"source", fmt::format("merge conflict of node {}",
                                                merge.parents[1].value())}});
  Record(std::move(told));
}

// The user's ideas are tried first, by an arm that can read.
const Idea* Search::IdeaFor(const Expansion& expansion) const {
  const bool takes =
      expansion.op == Operator::kDraft || expansion.op == Operator::kImprove;
  return takes && AnyThinks() ? state_.NextIdea() : nullptr;
}

bool Search::AnyThinks() const {
  return std::ranges::any_of(expander_->arms(), [](const Arm& arm) {
    return arm.proposer->style() != llm::PromptStyle::kNone;
  });
}

}  // namespace coppice::search
