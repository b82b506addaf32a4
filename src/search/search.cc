#include "search/search.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "base/log.h"

// The corridor. Run() is the whole program: attempts left over from before go
// on, then the policy is asked whenever something has ended, each answer is
// recorded (and so counts as in flight) before the next question, and every
// attempt is a coroutine, Grow(), that walks from proposal to outcome. Both
// start from whatever the journal already holds, so resuming is running.

namespace coppice::search {
namespace {

constexpr int kStreakLimit = 8;
constexpr int kEnvironmentLimit = 3;
constexpr int kCanaryEvery = 25;
constexpr int kCommitsPerPack = 16;

// Does this operator grow where the user has pinned the search? What repairs
// and what joins has parents of its own.
bool Follows(Operator op) {
  return op == Operator::kDraft || op == Operator::kImprove ||
         op == Operator::kTune;
}

}  // namespace

Search::Search(Parts parts)
    : parts_(std::move(parts)),
      settled_(parts_.executor),
      preparing_(parts_.executor, 1) {}
Search::~Search() = default;

Task<Ending> Search::Run() {
  co_await RestoreObjects();
  CloseOpenCalls();
  TaskGroup growing(parts_.executor);
  growing_ = &growing;
  if (parts_.company != nullptr) {
    parts_.company->OnNews([this, &growing] {
      growing.Wake();
      settled_.Notify();
    });
  }
  for (AttemptId open : state_.Open()) growing.Spawn(Grow(open));
  while (true) {
    while (std::optional<Expansion> expansion = Next()) {
      std::string arm, idea;
      if (expansion->op != Operator::kMerge) {
        const Idea* wish = IdeaFor(*expansion);
        const auto reading = wish != nullptr ? Expander::Reading::kPrompt
                                             : Expander::Reading::kAny;
        const Arm* able = expander_->ChooseArm(expansion->op, reading);
        if (able == nullptr) {
          const bool soon = growing.running() > 0 ||
                            co_await WaitForArms(expansion->op, reading);
          if (!soon) break;
          if (growing.running() > 0) co_await growing.WaitForOne();
          continue;
        }
        arm = able->name;
        if (wish != nullptr) idea = wish->text;
      }
      growing.Spawn(Grow(Select(*expansion, std::move(arm), std::move(idea))));
    }
    if (growing.running() == 0 && others_turn_) {
      co_await settled_.Wait();
      continue;
    }
    if (growing.running() == 0 && held_) {
      const bool soon = co_await WaitForRelease();
      if (!soon) break;
      continue;
    }
    if (growing.running() == 0) {
      const bool soon = co_await WaitForRoom();
      if (!soon) break;
      continue;
    }
    co_await growing.WaitForOne();
  }
  co_await growing.Join();
  growing_ = nullptr;
  if (parts_.company != nullptr) parts_.company->OnNews(nullptr);
  co_await Flush();
  // A study measures its winners side by side, when all of them are known.
  if (!abandoned_ && !pausing_ && (!ending_ || ending_->exit == 0) &&
      state_.start().study.empty()) {
    draining_ = false;  // the judge of the final may be asked
    co_await Confirm();
  }
  co_return Close();
}

// ---- One attempt -----------------------------------------------------------

Task<void> Search::Grow(AttemptId attempt) {
  if (!state_.tree().Find(attempt)) {
    const bool committed = co_await Make(attempt);
    if (!committed) co_return;
  }
  if (abandoned_ || pausing_) co_return;
  if (state_.tree()[*state_.tree().Find(attempt)].pruned) {
    Evaluated cancelled;
    cancelled.node = attempt;
    Record(Unpruned(std::move(cancelled)));
    co_return;
  }
  co_await measurer_->Evaluate(attempt);
  if (!abandoned_) co_await AfterEvaluation(attempt);
}

// Proposal to commit. False: the attempt was rejected, or nothing more may be
// recorded.
Task<bool> Search::Make(AttemptId attempt) {
  const InfoView info = state_.Info(attempt);
  Expander::Made made;
  if (info->selected.op == Operator::kMerge) {
    made = co_await expander_->Merge(attempt);
  } else {
    std::optional<llm::Proposal> proposal = std::exchange(given_, std::nullopt);
    if (!proposal) proposal = co_await Propose(attempt);
    if (!proposal) co_return false;
    made = co_await expander_->Commit(attempt, std::move(*proposal),
                                      PromptOf(attempt));
  }
  if (abandoned_) co_return false;
  if (made.rejected) {
    // What lost to a conflict may be done again on top of the winner.
    if (info->selected.op == Operator::kMerge) OfferAgain(info->selected);
    made.rejected->usd = info->usd;
    Record(std::move(*made.rejected));
    co_return false;
  }
  Record(std::move(*made.committed));
  if (++unflushed_ >= kCommitsPerPack) co_await Flush();
  co_return true;
}

Task<void> Search::AfterEvaluation(AttemptId attempt) {
  const InfoView info = state_.Info(attempt);
  if (!info->evaluated) co_return;
  if (info->evaluated->outcome == Outcome::kImproved) co_await Publish();
  const auto failures = state_.environment_failures().size();
  if (failures >= kEnvironmentLimit) co_await measurer_->CheckEnvironment();
  if (++measured_since_canary_ >= kCanaryEvery) {
    measured_since_canary_ = 0;
    if (!stopping()) co_await measurer_->Canary();
  }
}

// ---- Selection -------------------------------------------------------------

// The next expansion, or nothing while there is no room or nothing to try.
// Chains take turns.
std::optional<Expansion> Search::Next() {
  others_turn_ = false;
  if (stopping() || pausing_ || abandoned_) return std::nullopt;
  Listen();
  const Consumption used = state_.Used(parts_.clock.Wall());
  Warn();
  if (std::optional<std::string> limit = budget_->Reached(used)) {
    ending_ = Ending{*limit, "", 0};
    return std::nullopt;
  }
  const int in_flight = static_cast<int>(state_.Open().size());
  if (in_flight >= parts_.evaluations + Lookahead()) return std::nullopt;
  if (held_ || budget_->Room(used) <= 0) return std::nullopt;
  if (IsOthersTurn()) return std::nullopt;
  if (DiskIsFull()) return std::nullopt;
  const spec::Spec& spec = state_.spec();
  for (int chain : ChainsToAsk(spec.search, spec.budget.max_nodes,
                               state_.ChainStandings())) {
    std::optional<Expansion> expansion = Choose(chain);
    if (expansion) return expansion;
  }
  return std::nullopt;
}

// In a study, searches advance together.
bool Search::IsOthersTurn() {
  if (parts_.company == nullptr) return false;
  const Company::Turn turn = parts_.company->MaySelect(state_);
  if (turn == Company::Turn::kEnd) ending_ = Ending{"share", "", 0};
  others_turn_ = turn == Company::Turn::kWait;
  return turn != Company::Turn::kGo;
}

// What the policy would grow in a chain, or the place of an idea that waits.
std::optional<Expansion> Search::Choose(int chain) {
  const auto seed = static_cast<std::uint64_t>(state_.start().seed);
  Rng rng = Rng::Stream(seed, state_.next_attempt().value(), "policy");
  std::optional<Expansion> expansion = policy_->Select(state_.View(chain), rng);
  if (!expansion) return std::nullopt;
  expansion->chain = chain;
  const Idea* idea = IdeaFor(*expansion);
  const auto at = idea != nullptr && idea->at ? state_.tree().Find(*idea->at)
                                              : std::nullopt;
  if (at) {
    expansion->parents = {*at};
    expansion->chain = state_.tree()[*at].chain;
    expansion->op =
        *at == state_.tree().root() ? Operator::kDraft : Operator::kImprove;
  } else if (state_.pinned() && Follows(expansion->op)) {
    const NodeId pinned = *state_.tree().Find(*state_.pinned());
    expansion->parents = {pinned};
    expansion->chain = state_.tree()[pinned].chain;
    expansion->op = pinned == state_.tree().root()     ? Operator::kDraft
                    : expansion->op == Operator::kTune ? Operator::kTune
                                                       : Operator::kImprove;
  }
  if (idea != nullptr && idea->fresh) expansion->history_withheld = true;
  return expansion;
}

// How many proposals may be under way beyond the evaluation slots: as many as
// keep the slots busy while proposers think, none when thinking is short
// beside measuring, for every attempt selected early is selected knowing less.
int Search::Lookahead() const {
  constexpr double kShort = 0.1;
  const double propose = state_.mean_propose_seconds();
  const double evaluate =
      state_.Used(parts_.clock.Wall()).mean_evaluation_seconds;
  // Nothing is known yet: the drafts may be thought of side by side.
  if (evaluate <= 0 || propose <= 0) {
    return AnyThinks() ? std::min(state_.spec().parallel.requests,
                                  state_.spec().search.num_drafts) -
                             1
                       : 0;
  }
  double wanted = parts_.evaluations * propose / evaluate;
  // Both times vary, so the number under way does, by about its square root.
  if (wanted > kShort) wanted += std::sqrt(wanted);
  return std::clamp(static_cast<int>(std::ceil(wanted - kShort)), 0,
                    state_.spec().parallel.requests);
}

AttemptId Search::Select(const Expansion& expansion, std::string arm,
                         std::string idea) {
  Selected selected;
  selected.attempt = state_.next_attempt();
  selected.op = expansion.op;
  for (NodeId parent : expansion.parents) {
    selected.parents.push_back(state_.tree()[parent].attempt);
  }
  selected.arm = std::move(arm);
  selected.chain = expansion.chain;
  selected.history_withheld = expansion.history_withheld;
  selected.idea = std::move(idea);
  const AttemptId attempt = selected.attempt;
  Record(std::move(selected));
  return attempt;
}

// ---- The record ------------------------------------------------------------

// The only way state changes: durable first, then applied, then shown.
std::int64_t Search::Record(Event event) {
  search::Record record;
  record.at = replay_ ? replay_->at : parts_.clock.Wall();
  Result<std::int64_t> seq = parts_.journal.Append(record.at, event);
  if (!seq) throw std::runtime_error(seq.error().Text());
  record.seq = *seq;
  record.event = std::move(event);
  See(record);
  if (replay_) {
    replay_->recorded = true;
    return record.seq;
  }
  if (state_.SignatureStreak() >= kStreakLimit && !pausing_) {
    Pause("signature",
          fmt::format("{} attempts in a row failed alike: {}",
                      state_.SignatureStreak(), state_.streak_signature()));
  }
  return record.seq;
}

// What stands in the journal happens.
void Search::See(const search::Record& record) {
  Result<void> applied = state_.Apply(record);
  if (!applied) throw std::runtime_error(applied.error().Text());
  TellPolicy();
  const Event& event = record.event;
  if (std::holds_alternative<Answered>(event) ||
      std::holds_alternative<Sampled>(event) ||
      std::holds_alternative<Evaluated>(event) ||
      std::holds_alternative<Rejected>(event)) {
    progress_ = parts_.clock.Now();
  }
  for (const Observer& observer : parts_.observers) observer(state_, record);
}

Result<void> Search::Recover() {
  std::vector<std::int64_t> lost;  // commits that the store does not have
  auto see = [&](const search::Record& record) -> Result<void> {
    Result<void> applied = state_.Apply(record);
    if (!applied) return applied;
    if (std::holds_alternative<Started>(record.event)) {
      Result<void> furnished = Furnish();
      if (!furnished) return furnished;
    }
    TellPolicy();
    const auto* committed = std::get_if<Committed>(&record.event);
    if (committed != nullptr && !parts_.repository.Has(committed->commit)) {
      lost.push_back(record.seq);
    }
    return Ok();
  };
  Result<void> folded = parts_.journal.ReplayLean(see);
  if (!folded) return folded;
  for (std::int64_t seq : lost) {
    Result<search::Record> whole = parts_.journal.Read(seq);
    if (!whole) return whole.error();
    lost_objects_.push_back(std::get<Committed>(std::move(whole->event)));
  }
  for (std::int64_t seq : state_.LeanAnswers()) {
    Result<search::Record> whole = parts_.journal.Read(seq);
    if (!whole) return whole.error();
    state_.Refill(std::get<Answered>(whole->event));
  }
  return Ok();
}

// Makes what depends on the spec, once the spec is known.
Result<void> Search::Furnish() {
  auto policy = MakePolicy(state_.spec());
  if (!policy) return policy.error();
  policy_ = std::move(*policy);
  budget_ = std::make_unique<Budget>(state_.spec().budget);
  expander_ = std::make_unique<Expander>(Expander::Parts{
      parts_.compute, parts_.repository, state_, parts_.scope, parts_.arms,
      parts_.clock, parts_.templates, &parts_.journal});
  auto record = [this](Event event) { Record(Unpruned(std::move(event))); };
  auto pause = [this](const std::string& cause, const std::string& detail) {
    Pause(cause, detail);
  };
  if (parts_.judge != nullptr && state_.spec().judge) {
    auto closed = [this] { return draining_ || abandoned_ || pausing_; };
    auto exhausted = [this](const std::string& limit) {
      if (!ending_) ending_ = Ending{limit, "", 0};
    };
    judging_ = std::make_unique<Judging>(
        Judging::Parts{*parts_.judge, state_, *budget_, parts_.clock, settled_,
                       record, closed, exhausted});
  }
  measurer_ = std::make_unique<Measurer>(Measurer::Parts{
      parts_.executor, parts_.evaluator, state_, parts_.cache, judging_.get(),
      parts_.evaluations, parts_.open_sessions, record, pause, parts_.company});
  return Ok();
}

void Search::TellPolicy() {
  for (NodeId node : state_.changed()) {
    policy_->Changed(state_.tree(), node);
  }
}

Result<void> Search::Start(Started started, std::optional<WallTime> at) {
  if (at) replay_ = Replaying{.at = *at};
  Record(std::move(started));
  replay_.reset();
  return Furnish();
}

// The beginning of a run is one transaction: a run either has its baseline or
// has never been.
Result<void> Search::Begin(Beginning beginning) {
  std::vector<Event> events;
  Committed root;
  root.commit = beginning.started.base;
  root.tree = beginning.base_tree;
  root.plan.idea = "baseline";
  events.emplace_back(std::move(beginning.started));
  events.emplace_back(std::move(root));
  if (beginning.judged) {
    events.emplace_back(std::move(beginning.judged->first));
    events.emplace_back(std::move(beginning.judged->second));
  }
  for (eval::Sample& sample : beginning.baseline) {
    Sampled sampled;
    sampled.sample = std::move(sample);
    events.emplace_back(std::move(sampled));
  }
  const WallTime now = parts_.clock.Wall();
  State measured;  // what the samples come to
  search::Record record;
  record.at = now;
  for (const Event& event : events) {
    ++record.seq;
    record.event = event;
    Result<void> applied = measured.Apply(record);
    if (!applied) return applied;
  }
  Evaluated evaluated;
  evaluated.outcome = Outcome::kBaseline;
  evaluated.value = measured.measurements().Value(AttemptId(0));
  evaluated.sigma = measured.noise().sigma;
  evaluated.reason = "measured before anything was proposed";
  events.emplace_back(std::move(evaluated));
  Result<std::int64_t> first = parts_.journal.AppendTogether(now, events);
  if (!first) return first.error();
  record.seq = *first;
  for (Event& event : events) {
    record.event = std::move(event);
    See(record);
    if (record.seq++ != *first) continue;
    Result<void> furnished = Furnish();
    if (!furnished) return furnished;
  }
  return Ok();
}

// Commits whose pack a crash took are made again from their rows.
Task<void> Search::RestoreObjects() {
  for (const Committed& committed : std::exchange(lost_objects_, {})) {
    std::vector<ObjectId> parents;
    const InfoView info = state_.Info(committed.attempt);
    for (AttemptId parent : info->selected.parents) {
      parents.push_back(state_.tree()[*state_.tree().Find(parent)].commit);
    }
    Result<void> restored = co_await expander_->Restore(committed, parents);
    if (!restored) throw std::runtime_error(restored.error().Text());
  }
  co_await Flush();
  co_await Publish();
}

Task<void> Search::Flush() {
  unflushed_ = 0;
  auto flush = [this] { return parts_.repository.Flush(); };
  Result<void> flushed = co_await Offload(parts_.compute, flush);
  if (!flushed) throw std::runtime_error(flushed.error().Text());
}

// One at a time: two bests in a row must not overtake each other.
Task<void> Search::Publish() {
  const Semaphore::Permit turn = co_await publishing_.Acquire();
  const NodeId best = state_.best();
  if (state_.tree().empty() || published_ == best) co_return;
  published_ = best;
  co_await Flush();
  const ObjectId commit = state_.tree()[best].commit;
  auto publish = [this, commit] {
    return parts_.repository.PublishBest(state_.run(), commit);
  };
  Result<void> published = co_await Offload(parts_.compute, publish);
  if (!published) LogWarning(published.error().Text());
}

// ---- The end ---------------------------------------------------------------

Task<void> Search::Confirm() {
  const Consumption used = state_.Used(parts_.clock.Wall());
  const int samples = budget_->FinalSamples(used, state_.noise().repeats);
  racing_ = true;
  if (!state_.final()) co_await measurer_->Race(samples);
  racing_ = false;
  if (!abandoned_) co_await Publish();
}

Ending Search::Close() {
  Ending ending = ending_.value_or(
      Ending{"nothing_left", "the policy has nothing to try", 0});
  if (pausing_ && !abandoned_) {
    ending = Ending{pausing_->cause, pausing_->detail, 5};
    Record(*pausing_);
    return ending;
  }
  if (ending.exit == 0) {
    const Consumption used = state_.Used(parts_.clock.Wall());
    const auto outcomes = state_.Outcomes();
    const bool measured = std::ranges::any_of(
        outcomes, [](const auto& o) { return MayBeImproved(o.first); });
    if (state_.final() && state_.final()->confirmed) {
      ending.exit = 0;
    } else if (!measured && used.finished == 0) {
      ending.exit = 4;
    } else {
      ending.exit = 3;
    }
  }
  Stopped stopped;
  stopped.reason = ending.reason;
  stopped.exit = ending.exit;
  Record(std::move(stopped));
  return ending;
}

}  // namespace coppice::search
