#include "search/measurer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/json.h"
#include "base/log.h"
#include "base/text.h"

// The life of a node after its commit (SPEC §5):
//
//   1. a permit, one for each honest slot; the slot; build, smoke and checks
//   2. one screen sample, or one that this tree has from elsewhere
//   3. decide(); a contender waits for its turn, is looked at again against
//      the best of that moment, and meets it in fresh pairs, the candidate in
//      its own slot and the best in one that is kept for it
//   4. the outcome
//
// Between the last sample and the outcome nothing is awaited, so that no
// other node can become best in between.

namespace coppice::search {
namespace {

constexpr int kBestRetries = 3;

// What stands beside any outcome, of any sample of the node.
void AddFlags(const std::vector<Sampled>& samples,
              std::vector<std::string>& flags) {
  auto add = [&](const char* flag, bool eval::Sample::* has) {
    auto set = [has](const Sampled& s) { return s.sample.*has; };
    if (std::ranges::any_of(samples, set)) flags.emplace_back(flag);
  };
  add("leaked", &eval::Sample::leaked);
  add("truncated output", &eval::Sample::truncated);
  add("noisy host", &eval::Sample::noisy_host);
}

double Fraction(double gain, double reference) {
  return reference == 0 ? 0 : gain / std::abs(reference);
}

// A promising contender gets pairs beyond the R that were promised only while
// the limits of time are not reached; as of the last record, so that a resumed
// or replayed run decides alike.
bool TimeForMore(const State& state) {
  const spec::Budget& all = state.spec().budget;
  const spec::Budget time{.max_nodes = std::nullopt,
                          .max_hours = all.max_hours,
                          .max_evaluation_hours = all.max_evaluation_hours,
                          .max_cost_usd = std::nullopt,
                          .plateau_nodes = std::nullopt,
                          .stop_at_target = false};
  return !Budget(time).Reached(state.Used(state.last_at()));
}

}  // namespace

Measurer::Measurer(Parts parts)
    : parts_(std::move(parts)),
      slots_(parts_.executor, parts_.evaluations),
      contenders_(parts_.executor, 1) {}

Task<void> Measurer::Evaluate(AttemptId attempt) {
  const State& state = parts_.state;
  auto unapproved = [&](const std::string& need) {
    return !state.approved().contains(need);
  };
  if (std::ranges::any_of(state.Info(attempt)->needs, unapproved)) {
    Evaluated deferred;
    deferred.node = attempt;
    deferred.outcome = Outcome::kDeferred;
    deferred.reason =
        "needs a dependency that is not approved: " +
        fmt::format("{}", fmt::join(state.Info(attempt)->needs, ", "));
    parts_.record(std::move(deferred));
    co_return;
  }
  Semaphore::Permit permit = co_await slots_.Acquire();
  if (abandoned_ || held_back_) co_return;
  std::unique_ptr<Company::Seat> seat;
  if (parts_.company != nullptr) seat = co_await parts_.company->Sit();
  if (abandoned_ || held_back_) co_return;
  eval::Opened opened;
  Semaphore::Permit turn;
  bool has_turn = false;
  bool clean = false;
  while (true) {
    const AttemptId best = ChainBest(attempt);
    const Decision decision =
        Decide(state.spec(), state.noise(), MakeContest(attempt, best));
    if (!decision.next) {
      Conclude(attempt, decision, opened.seconds);
      break;
    }
    bool go_on = true;
    if (*decision.next == NextMeasurement::kScreen) {
      go_on = co_await Screen(attempt, opened);
    } else if (!has_turn) {
      turn = co_await contenders_.Acquire();
      has_turn = true;
      go_on = !abandoned_;
    } else {
      if (std::ranges::count(decision.flags, "suspicious") > 0 && !clean) {
        // Too good to be true: it meets the best in a checkout where nothing
        // that its first build left can help it.
        clean = true;
        opened.session.reset();
        go_on = co_await Open(attempt, opened, clean);
        if (!go_on) break;
      }
      const SamplePhase phase = *decision.next == NextMeasurement::kHoldoutPair
                                    ? SamplePhase::kHoldout
                                    : SamplePhase::kConfirm;
      go_on =
          co_await Pair(attempt, best, phase, decision.candidate_first, opened);
    }
    if (!go_on) break;
  }
  turn = Semaphore::Permit();
  co_await Diagnose(attempt, opened);
}

// What a profiler says of a new best is for those who grow it.
Task<void> Measurer::Diagnose(AttemptId attempt, eval::Opened& opened) {
  const State& state = parts_.state;
  const Boxed<Finding> evaluated = state.Info(attempt)->evaluated;
  if (!state.spec().evaluation.diagnose || !opened.session || !evaluated ||
      evaluated->outcome != Outcome::kImproved) {
    co_return;
  }
  eval::Diagnosis diagnosis = co_await opened.session->Diagnose();
  if (abandoned_) co_return;
  const bool said = diagnosis.problem.empty();
  Noted note;
  note.kind = said ? "diagnosis" : "no_diagnosis";
  note.attempt = attempt;
  note.text = std::move(said ? diagnosis.text : diagnosis.problem);
  parts_.record(std::move(note));
}

AttemptId Measurer::ChainBest(AttemptId attempt) const {
  const State& state = parts_.state;
  const int chain = state.Info(attempt)->selected.chain;
  const NodeId best = state.chains()[static_cast<std::size_t>(chain)].best;
  return state.tree()[best].attempt;
}

Contest Measurer::MakeContest(AttemptId attempt, AttemptId best) const {
  const State& state = parts_.state;
  const Measurements& measured = state.measurements();
  Contest contest;
  contest.candidate = attempt;
  contest.more_pairs = TimeForMore(state);
  contest.best_value = measured.Value(best).value_or(0);
  for (const Sampled& s : state.samples_of(attempt)) {
    if (s.sample.phase != SamplePhase::kScreen || s.sample.failure) continue;
    contest.screen = measured.Score(s.sample.metrics);
    contest.screen_metrics = s.sample.metrics;
  }
  const State::Duel duel = state.DuelOf(attempt, best);
  const std::size_t pairs = std::min(duel.candidate.size(), duel.best.size());
  for (std::size_t i = 0; i < pairs; ++i) {
    contest.confirm.push_back({duel.candidate[i], duel.best[i]});
    contest.clock.push_back({duel.candidate_seconds[i], duel.best_seconds[i]});
  }
  const State::Duel held = state.DuelOf(attempt, best, SamplePhase::kHoldout);
  const std::size_t held_pairs =
      std::min(held.candidate.size(), held.best.size());
  for (std::size_t i = 0; i < held_pairs; ++i) {
    contest.holdout.push_back({held.candidate[i], held.best[i]});
  }
  contest.holdout_sigma = measured.HoldoutSigma();
  const AttemptId base(0);
  const SamplePhase phase = SamplePhase::kBaseline;
  for (const SampleStore::Met& met : state.samples().Against(base, phase)) {
    if (auto score = measured.ScoreAt(base, phase, met.index)) {
      contest.baseline_clock.push_back({*score, met.seconds});
    }
  }
  for (const spec::Guard& guard : state.spec().metric.guards) {
    if (auto number = measured.Number(attempt, guard.name)) {
      contest.confirm_numbers[guard.name] = *number;
    }
    if (auto number = measured.Number(AttemptId(0), guard.name)) {
      contest.baseline_numbers[guard.name] = *number;
    }
  }
  return contest;
}

int Measurer::NextIndex(AttemptId node, SamplePhase phase) const {
  return parts_.state.samples().NextIndex(node, phase);
}

// A tree that another chain or another run has measured takes that sample
// over; it may end the attempt but never makes it best, for a contender is
// always measured fresh.
bool Measurer::UseKnownSample(AttemptId attempt) {
  const State& state = parts_.state;
  const Node& node = state.tree()[*state.tree().Find(attempt)];
  std::optional<eval::Sample> known;
  for (const ChainState& chain : state.chains()) {
    auto found = chain.trees.find(node.tree);
    if (found == chain.trees.end() || found->second == attempt) continue;
    for (const Sampled& s : state.samples_of(found->second)) {
      if (s.sample.phase == SamplePhase::kScreen && !s.sample.failure) {
        known = s.sample;
      }
    }
  }
  if (!known && parts_.cache != nullptr) {
    for (eval::Sample& sample : parts_.cache->Find(node.tree)) {
      if (!sample.failure) known = std::move(sample);
    }
  }
  if (!known) return false;
  known->phase = SamplePhase::kScreen;
  known->index = 0;
  known->cached = true;
  Sampled sampled;
  sampled.node = attempt;
  sampled.sample = std::move(*known);
  parts_.record(std::move(sampled));
  return true;
}

Task<bool> Measurer::Screen(AttemptId attempt, eval::Opened& opened) {
  if (UseKnownSample(attempt)) co_return true;
  const bool ready = co_await Open(attempt, opened);
  if (!ready) co_return false;
  eval::SampleRequest request;
  request.phase = SamplePhase::kScreen;
  std::optional<eval::Sample> taken =
      co_await Take(*opened.session, attempt, request);
  if (!taken) co_return false;
  eval::Sample& sample = *taken;
  const std::optional<eval::Failure> failure = sample.failure;
  if (!failure && parts_.cache != nullptr) {
    const Node& node = parts_.state.tree()[*parts_.state.tree().Find(attempt)];
    eval::Sample known = sample;  // stands for all that it took to have it
    known.seconds += opened.seconds.build + opened.seconds.checks;
    parts_.cache->Store(node.tree, {std::move(known)});
  }
  Sampled sampled;
  sampled.node = attempt;
  sampled.sample = std::move(sample);
  parts_.record(std::move(sampled));
  if (failure) Fail(attempt, *failure, opened.seconds);
  co_return !failure;
}

Task<std::optional<eval::Sample>> Measurer::Take(eval::Session& session,
                                                 AttemptId attempt,
                                                 eval::SampleRequest request) {
  eval::Sample sample = co_await session.Measure(request);
  if (abandoned_) co_return std::nullopt;
  if (parts_.judging != nullptr) {
    const bool judged = co_await parts_.judging->Score(attempt, sample);
    if (abandoned_ || !judged) co_return std::nullopt;
  }
  if (sample.failure && !sample.failure->outcome) {
    parts_.pause("lost", sample.failure->reason);
    co_return std::nullopt;
  }
  co_return sample;
}

// Opens the candidate's session if it is not open. False: the node has got
// its outcome, or the run pauses.
Task<bool> Measurer::Open(AttemptId attempt, eval::Opened& opened, bool clean) {
  if (opened.session) co_return true;
  const Node& node = parts_.state.tree()[*parts_.state.tree().Find(attempt)];
  eval::Target target;
  target.attempt = attempt;
  target.commit = node.commit;
  target.clean = clean;
  opened = co_await parts_.evaluator.Open(target);
  if (abandoned_) co_return false;
  if (!opened.failure) co_return true;
  if (opened.failure->outcome) {
    Fail(attempt, *opened.failure, opened.seconds);
  } else {
    parts_.pause("lost", opened.failure->reason);
  }
  co_return false;
}

Task<bool> Measurer::Pair(AttemptId attempt, AttemptId best, SamplePhase phase,
                          bool candidate_first, eval::Opened& opened) {
  const bool ready = co_await Open(attempt, opened);
  if (!ready) co_return false;
  const State::Duel duel = parts_.state.DuelOf(attempt, best, phase);
  const bool candidate_due = duel.candidate.size() <= duel.best.size();
  const bool best_due = duel.best.size() <= duel.candidate.size();
  bool go_on = true;
  if (candidate_first && candidate_due) {
    go_on = co_await Sample(attempt, best, phase, opened);
  }
  if (go_on && best_due) go_on = co_await SampleBest(best, attempt, phase);
  if (go_on && !candidate_first && candidate_due) {
    go_on = co_await Sample(attempt, best, phase, opened);
  }
  co_return go_on;
}

Task<bool> Measurer::Sample(AttemptId attempt, AttemptId versus,
                            SamplePhase phase, eval::Opened& opened) {
  eval::SampleRequest request;
  request.phase = phase;
  request.index = NextIndex(attempt, phase);
  std::optional<eval::Sample> taken =
      co_await Take(*opened.session, attempt, request);
  if (!taken) co_return false;
  const std::optional<eval::Failure> failure = taken->failure;
  Sampled sampled;
  sampled.node = attempt;
  sampled.sample = std::move(*taken);
  sampled.versus = versus;
  parts_.record(std::move(sampled));
  if (failure && failure->outcome == Outcome::kInconclusive) {
    // It was measured and stays a parent; the holdout did not confirm it.
    Decision decision;
    decision.outcome = Outcome::kInconclusive;
    decision.reason = failure->reason;
    Conclude(attempt, decision, opened.seconds);
  } else if (failure) {
    Fail(attempt, *failure, opened.seconds);
  }
  co_return !failure;
}

Task<bool> Measurer::SampleBest(AttemptId best, AttemptId versus,
                                SamplePhase phase) {
  std::string failure;
  for (int tries = 0; tries < kBestRetries; ++tries) {
    eval::SampleRequest request;
    request.phase = phase;
    request.index = NextIndex(best, phase);
    std::optional<eval::Sample> sample = co_await MeasureHeld(best, 1, request);
    if (!sample) co_return false;
    const bool failed = sample->failure.has_value();
    if (failed) failure = Described(*sample->failure);
    Sampled sampled;
    sampled.node = best;
    sampled.sample = std::move(*sample);
    sampled.versus = versus;
    parts_.record(std::move(sampled));
    if (!failed) co_return true;
  }
  parts_.pause("drift",
               fmt::format("node {}, the best, could be measured before and "
                           "fails now: {}",
                           best.value(), failure));
  co_return false;
}

// A session that is kept open between contests, because building the best
// anew for each of its samples would cost more than the samples.
Task<eval::Session*> Measurer::SessionOf(AttemptId attempt, std::size_t limit) {
  auto found = std::ranges::find(held_, attempt, &Held::attempt);
  if (found != held_.end()) {
    held_.splice(held_.begin(), held_, found);
    co_return held_.front().session.get();
  }
  while (held_.size() >= limit) held_.pop_back();
  const Node& node = parts_.state.tree()[*parts_.state.tree().Find(attempt)];
  eval::Target target;
  target.attempt = attempt;
  target.commit = node.commit;
  eval::Opened opened = co_await parts_.evaluator.Open(target);
  if (abandoned_) co_return nullptr;
  if (opened.failure) {
    parts_.pause(opened.failure->outcome ? "drift" : "lost",
                 fmt::format("node {} could be measured before and cannot "
                             "now: {}",
                             attempt.value(), opened.failure->reason));
    co_return nullptr;
  }
  held_.push_front({attempt, std::move(opened.session)});
  co_return held_.front().session.get();
}

Task<std::optional<eval::Sample>> Measurer::MeasureHeld(
    AttemptId attempt, std::size_t limit, eval::SampleRequest request) {
  eval::Session* session = co_await SessionOf(attempt, limit);
  if (session == nullptr) co_return std::nullopt;
  std::optional<eval::Sample> sample =
      co_await Take(*session, attempt, request);
  if (!sample || sample->failure) {
    // Whatever is wrong, the next try starts from a fresh slot.
    std::erase_if(held_, [&](const Held& h) { return h.attempt == attempt; });
  }
  co_return sample;
}

void Measurer::Fail(AttemptId attempt, const eval::Failure& failure,
                    const eval::PhaseSeconds& seconds) {
  Evaluated evaluated;
  evaluated.node = attempt;
  evaluated.outcome = *failure.outcome;
  evaluated.reason = failure.reason;
  evaluated.signature = failure.signature;
  evaluated.sigma = parts_.state.noise().sigma;
  evaluated.seconds = seconds;
  evaluated.tail = failure.tail;
  evaluated.log = failure.log;
  AddFlags(parts_.state.samples_of(attempt), evaluated.flags);
  parts_.record(std::move(evaluated));
}

void Measurer::Conclude(AttemptId attempt, const Decision& decision,
                        const eval::PhaseSeconds& seconds) {
  const State& state = parts_.state;
  const Measurements& measured = state.measurements();
  Evaluated evaluated;
  evaluated.node = attempt;
  evaluated.outcome = decision.outcome;
  evaluated.reason = decision.reason;
  evaluated.flags = decision.flags;
  evaluated.sigma = state.noise().sigma;
  evaluated.seconds = seconds;
  for (const Sampled& s : state.samples_of(attempt)) {
    if (!s.sample.log.empty()) evaluated.log = s.sample.log;
  }
  AddFlags(state.samples_of(attempt), evaluated.flags);
  // A node that failed a gate has no score (SPEC §3).
  if (MayBeImproved(decision.outcome)) {
    evaluated.value = measured.Value(attempt);
  }
  if (evaluated.value) {
    const int sign = spec::Sign(state.spec().metric.direction);
    auto against = [&](AttemptId other) {
      const double reference = measured.Value(other).value_or(0);
      return Fraction(sign * (*evaluated.value - reference), reference);
    };
    Gain gain;
    gain.parent = against(state.Info(attempt)->selected.parents.front());
    gain.best = against(ChainBest(attempt));
    gain.baseline = against(AttemptId(0));
    evaluated.gain = gain;
  }
  parts_.record(std::move(evaluated));
}

}  // namespace coppice::search
