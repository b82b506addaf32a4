#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"
#include "base/text.h"
#include "search/directive.h"
#include "search/search.h"

// The user at the wheel: what waits in the inbox becomes records, once a
// second, and each takes effect at once. What has to outlive the process is in
// the state (state_told.cc); what only this process does is here: it pauses,
// goes on, looks at a changed budget again, and grows what was opened again.

namespace coppice::search {

namespace {

// What ends a pause, by its cause; a word to the user, who was asleep.
struct Remedy {
  std::string_view cause, text;
};
constexpr Remedy kRemedies[] = {
    {"signature",
     "see one of them with `coppice show NODE --log`; repair what they share, "
     "or say it with `coppice tell`, then `coppice resume`"},
    {"environment",
     "repair it and `coppice resume`: the nodes that it hit are evaluated "
     "again"},
    {"drift",
     "the machine measures otherwise than before: let it come to rest, then "
     "`coppice resume`, which accepts the level of now"},
    {"lost",
     "no candidate is to blame; see coppice.log, then `coppice resume`"},
    {"disk", "make room (`coppice gc` helps), then `coppice resume`"},
    {"cluster", "when `sinfo` answers again: `coppice resume`"},
    {"no_arm",
     "repair the key, the bill or the address, then `coppice resume`"},
    {"standstill",
     "what hangs was cancelled and is made again by `coppice resume`"},
};

}  // namespace

void Search::Pause(const std::string& cause, const std::string& detail) {
  if (pausing_) return;
  Paused paused;
  paused.pause = PauseClass::kNeedsUser;
  paused.cause = cause;
  paused.detail = detail;
  const auto remedy = std::ranges::find(kRemedies, cause, &Remedy::cause);
  if (remedy != std::end(kRemedies)) {
    paused.detail += fmt::format("\n{}", remedy->text);
  }
  pausing_ = std::move(paused);
  measurer_->Hold();
}

void Search::Heed() {
  if (abandoned_) return;
  NoticeStandstill();
  NoticeLongOutage();
  if (!Listen()) return;
  settled_.Notify();
  if (growing_ != nullptr) growing_->Wake();
}

// Every command and every call has its limit, so something must end before
// three rounds of them are over (SPEC §7); waiting for the user, a provider or
// the disk is no standstill. What hangs is cancelled, and goes on at a resume.
void Search::NoticeStandstill() {
  const Instant now = parts_.clock.Now();
  const bool waits =
      held_ || outage_ || evaluator_out_ || no_room_ || others_turn_;
  const bool works = growing_ != nullptr || racing_;
  if (!works || waits || pausing_ || !progress_) {
    progress_ = now;
    return;
  }
  const spec::Spec& spec = state_.spec();
  const auto rounds = std::chrono::duration_cast<Duration>(
      3 * std::chrono::duration<double>(spec.evaluation.timeout_seconds +
                                        spec.proposal.deadline_seconds));
  const Duration patience =
      std::max<Duration>(std::chrono::minutes(30), rounds);
  if (now - *progress_ < patience) return;
  Pause(
      "standstill",
      fmt::format("nothing has finished for {}; see the logs of what is "
                  "under way with `coppice status {}`",
                  FormatDuration(
                      std::chrono::duration<double>(now - *progress_).count()),
                  state_.run()));
  if (parts_.give_up) parts_.give_up();
  settled_.Notify();
  if (growing_ != nullptr) growing_->Wake();
}

void Search::Note(Noted note) {
  if (!abandoned_ && !replay_) Record(std::move(note));
}

// As with providers: the run is paused, and goes on by itself.
void Search::EvaluatorOut(std::optional<std::string> why) {
  if (abandoned_ || replay_ || why.has_value() == evaluator_out_) return;
  evaluator_out_ = why.has_value();
  if (!why) {
    const std::vector<AttemptId> open = state_.Open();
    Record(Resumed{});
    GrowReopened(open);
    return;
  }
  Paused paused;
  paused.pause = PauseClass::kOutage;
  paused.cause = "outage";
  paused.detail = std::move(*why);
  Record(std::move(paused));
}

// What waits for machines that do not answer would wait beyond every limit.
void Search::NoticeLongOutage() {
  if (!evaluator_out_ || pausing_) return;
  const std::optional<double>& hours = state_.spec().budget.max_hours;
  const bool over =
      draining_ || (hours && state_.Used(parts_.clock.Wall()).hours >= *hours);
  if (!over) return;
  Pause("cluster", "the cluster did not answer until the search was to end");
  if (parts_.give_up) parts_.give_up();
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
  for (AttemptId attempt : open) {
    const std::optional<NodeId> node = state_.tree().Find(attempt);
    const bool pruned = node && state_.tree()[*node].pruned;
    if (directive->prune && pruned && parts_.cancel) parts_.cancel(attempt);
  }
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

void Search::Resume(Resumed resumed) {
  Record(std::move(resumed));
  *budget_ = Budget(state_.spec().budget);
}

void Search::Approve(const std::string& dependency) {
  Approved approved;
  approved.dependency = dependency;
  Record(std::move(approved));
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
