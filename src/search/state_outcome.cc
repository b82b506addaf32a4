#include <algorithm>
#include <utility>
#include <variant>

#include "search/state.h"

// What an outcome changes: the standing of its chain, of its arm, and the
// streak of like failures.

namespace coppice::search {

void State::Finish(AttemptId attempt, Outcome outcome,
                   const std::string& reason, WallTime at) {
  const Attempt* before = tree_.FindAttempt(attempt);
  const bool root = attempt.value() == 0;
  AttemptInfo& info = infos_[attempt];
  if (!root && before != nullptr && before->outcome) {
    --outcomes_[*before->outcome];
  } else if (!root) {
    finished_.push_back(attempt);
    ChainState& chain = chains_[static_cast<std::size_t>(info.selected.chain)];
    ++chain.finished;
    --chain.in_flight;
    ++chain.since_best;
    ++since_best_;
  }
  if (!root) ++outcomes_[outcome];
  info.finished_at = at;
  info.reason = reason;
  open_.erase(attempt);
  for (Turn& turn : info.turns) turn.answered.reset();
  samples_.Settle(attempt);
  tree_.Finish(attempt, outcome);
  if (before != nullptr) {
    changed_.assign(before->parents.begin(), before->parents.end());
  }
}

void State::Reopen(AttemptId attempt) {
  const Attempt* known = tree_.FindAttempt(attempt);
  if (known == nullptr || !known->outcome) return;
  --outcomes_[*known->outcome];
  std::erase(finished_, attempt);
  AttemptInfo& info = infos_[attempt];
  ChainState& chain = chains_[static_cast<std::size_t>(info.selected.chain)];
  --chain.finished;
  ++chain.in_flight;
  tree_.Reopen(attempt);
  open_.insert(attempt);
  info.evaluated.reset();
  info.reason = {};
  samples_.Reopen(attempt);
  if (known->node) changed_.push_back(*known->node);
}

void State::NewBest(AttemptId attempt, NodeId node) {
  ChainState& chain =
      chains_[static_cast<std::size_t>(Info(attempt)->selected.chain)];
  chain.best = node;
  chain.since_best = 0;
  chain.merges_since_best = 0;
  chain.tunes_since_best = 0;
  chain.restarts_since_best = 0;
  chain.merges_off = false;
  const NodeId best = BestOfChains(chain.best);
  if (best != best_) since_best_ = 0;
  best_ = best;
}

void State::Reward(AttemptInfo& info, Outcome outcome, NodeId node) {
  if (info.selected.arm.empty()) return;
  double reward = 0;
  if (outcome == Outcome::kImproved) {
    reward = 1;
  } else if (MayBeImproved(outcome)) {
    reward = 0.2;
    const auto& value = tree_[node].value;
    const auto& before = tree_[tree_.Parents(node).front()].value;
    const int sign = spec::Sign(spec_->metric.direction);
    if (value && before && sign * (*value - *before) > Tau(1)) reward = 0.6;
  }
  ArmStats& arm = arms_[info.selected.arm];
  if (reward == 1 && info.reward != 1) ++arm.improved;
  if (reward != 1 && info.reward == 1) --arm.improved;
  arm.reward += reward - info.reward;
  info.reward = reward;
}

// Once an attempt's answers have come to an end: is the arm able to write what
// can be applied?
void State::CountAnswer(const AttemptInfo& info, Outcome outcome) {
  if (info.selected.arm.empty()) return;
  ArmStats& arm = arms_[info.selected.arm];
  const bool failed = outcome == Outcome::kEditFailed;
  arm.failed += failed ? 1 : 0;
  arm.failed_in_row = failed ? arm.failed_in_row + 1 : 0;
  if (info.turns.empty()) return;
  ArmStats::Formed& formed = arm.formats[FormatOf(info.selected.arm)];
  ++formed.answered;
  if (!failed && std::ranges::count(info.turns, "edit", &Turn::role) == 0) {
    ++formed.well_formed;
  }
}

// Random edits are expected to break a program in the same way again and
// again; they cost no model call, and a broken machine shows itself as an
// environment error. They neither lengthen a streak nor end one.
void State::CountStreak(const AttemptInfo& info, Outcome outcome,
                        const std::string& signature) {
  if (Random(info.selected.arm) || info.selected.op == Operator::kMerge) {
    return;
  }
  const bool failure = StatusOf(outcome) == Status::kCrash ||
                       outcome == Outcome::kChecksFailed ||
                       outcome == Outcome::kScopeViolation;
  if (!failure) {
    streak_ = 0;
    streak_signature_.clear();
  } else if (signature == streak_signature_) {
    ++streak_;
  } else {
    streak_ = 1;
    streak_signature_ = signature;
  }
}

bool State::Random(const std::string& arm) const {
  auto is_arm = [&](const spec::Proposer& p) {
    return p.name == arm && std::holds_alternative<spec::EditsArm>(p.arm);
  };
  return std::ranges::any_of(spec_->proposers, is_arm);
}

}  // namespace coppice::search
