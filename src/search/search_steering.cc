#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"
#include "search/directive.h"
#include "search/search.h"

// The user at the wheel: what waits in the inbox becomes records, once a
// second, and each takes effect at once. What has to outlive the process is in
// the state (state_told.cc); what only this process does is here: it pauses,
// goes on, looks at a changed budget again, and grows what was opened again.

namespace coppice::search {

void Search::Heed() {
  if (abandoned_ || !Listen()) return;
  settled_.Notify();
  if (growing_ != nullptr) growing_->Wake();
}

// True if anything was said.
bool Search::Listen() {
  const Instant now = parts_.clock.Now();
  if (listened_ && now - *listened_ < std::chrono::seconds(1)) return false;
  listened_ = now;
  const std::int64_t before = state_.last_seq();
  if (parts_.inbox) {
    for (const search::Record& record : parts_.inbox(parts_.clock.Wall())) {
      Hear(record);
    }
  }
  if (!parts_.hypotheses) return state_.last_seq() != before;
  for (std::string& line : parts_.hypotheses()) {
    if (std::ranges::count(state_.ideas(), line, &Idea::text) > 0) continue;
    Told told;
    told.directive =
        DumpCanonical(Json{{"idea", std::move(line)},
                           {"source", *state_.spec().search.hypotheses}});
    Record(std::move(told));
  }
  return state_.last_seq() != before;
}

void Search::Hear(const search::Record& record) {
  const std::vector<AttemptId> open = state_.Open();
  See(record);
  GrowReopened(open);
  const auto* told = std::get_if<Told>(&record.event);
  if (told == nullptr) return;
  Result<Directive> directive = ParseDirective(told->directive);
  if (!directive) return;
  if (!directive->budget.empty()) {
    *budget_ = Budget(state_.spec().budget);
    warned_.clear();
    // A limit that had ended the search may no longer do so.
    if (ending_ && ending_->exit == 0 && !draining_ && growing_ != nullptr) {
      ending_.reset();
    }
  }
  if (directive->prune && growing_ != nullptr) growing_->Spawn(Publish());
  if (directive->steer == Steer::kPause) Hold();
  if (directive->steer == Steer::kContinue) Release();
}

// Nothing new is selected until the user says so; what runs may end. A search
// in its final has nothing left to hold back.
void Search::Hold() {
  if (held_ || growing_ == nullptr || stopping() || pausing_) return;
  held_ = true;
  Paused paused;
  paused.cause = kPausedByUser;
  paused.detail = "told to pause; what runs may end";
  Record(std::move(paused));
}

void Search::Release() {
  if (!std::exchange(held_, false)) return;
  const std::vector<AttemptId> open = state_.Open();
  Record(Resumed{});
  GrowReopened(open);
}

// An approval, or going on, may open attempts again.
void Search::GrowReopened(const std::vector<AttemptId>& open_before) {
  if (growing_ == nullptr) return;
  for (AttemptId attempt : state_.Open()) {
    if (std::ranges::binary_search(open_before, attempt)) continue;
    growing_->Spawn(Grow(attempt));
  }
}

// Returns when the user lets the search go on. False: it ends.
Task<bool> Search::WaitForRelease() {
  while (held_) {
    if (stopping() || abandoned_ || pausing_) co_return false;
    if (budget_->Reached(state_.Used(parts_.clock.Wall()))) break;
    co_await parts_.clock.SleepFor(std::chrono::seconds(1));
    Listen();
  }
  co_return true;
}

// Each limit once, when it is used to 80 %.
void Search::Warn() {
  if (replay_) return;  // it stands in the records
  const Consumption used = state_.Used(parts_.clock.Wall());
  for (const std::string& warning : budget_->Warnings(used)) {
    const std::string limit = warning.substr(0, warning.find(':'));
    if (std::ranges::count(warned_, limit) > 0) continue;
    warned_.push_back(limit);
    Noted note;
    note.kind = "budget";
    note.text = warning;
    Record(std::move(note));
  }
}

void Search::Drain(std::string reason, int exit) {
  ending_ = Ending{std::move(reason), "", exit};
  draining_ = true;
  settled_.Notify();
}

void Search::Stop() {
  if (!ending_) ending_ = Ending{"stopped", "by the user", 0};
  draining_ = true;
  settled_.Notify();
  if (growing_ != nullptr) growing_->Wake();
}

void Search::Abandon(std::string reason, int exit) {
  ending_ = Ending{std::move(reason), "", exit};
  abandoned_ = true;
  settled_.Notify();
  if (measurer_) measurer_->Abandon();
}

// Whatever came of a node that the user has pruned meanwhile, it is cancelled.
Event Search::Unpruned(Event event) const {
  auto* evaluated = std::get_if<Evaluated>(&event);
  if (evaluated == nullptr) return event;
  const std::optional<NodeId> node = state_.tree().Find(evaluated->node);
  if (!node || !state_.tree()[*node].pruned) return event;
  if (state_.tree()[*node].outcome) return event;
  evaluated->outcome = Outcome::kCancelled;
  evaluated->reason = "pruned by the user";
  evaluated->signature.clear();
  return event;
}

}  // namespace coppice::search
