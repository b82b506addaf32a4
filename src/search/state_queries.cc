#include <algorithm>
#include <chrono>

#include "search/state.h"

namespace coppice::search {

NoiseModel State::noise() const {
  return NoiseModel{.sigma = measurements_->Sigma(),
                    .relative = measurements_->relative(),
                    .repeats = measurements_->Repeats()};
}

NodeId State::best() const {
  if (!final_) return best_;
  if (!final_->confirmed) return tree_.root();
  return tree_.Find(final_->winner).value_or(best_);
}

std::vector<ChainStanding> State::ChainStandings() const {
  const int sign = spec::Sign(spec_->metric.direction);
  std::vector<ChainStanding> standings;
  for (const ChainState& chain : chains_) {
    ChainStanding& standing = standings.emplace_back();
    standing.started = chain.started;
    standing.finished = chain.finished;
    if (tree_.empty()) continue;
    if (const auto& value = tree_[chain.best].value) {
      standing.score = sign * *value;
    }
  }
  return standings;
}

ChainView State::View(int index) const {
  const ChainState& chain = chains_[static_cast<std::size_t>(index)];
  const double best = tree_[chain.best].value.value_or(0);
  return ChainView{.tree = tree_,
                   .chain = index,
                   .best = chain.best,
                   .tau = Threshold(spec_->metric, noise(), best, 1),
                   .sign = spec::Sign(spec_->metric.direction),
                   .finished = chain.finished,
                   .in_flight = chain.in_flight,
                   .since_best = chain.since_best,
                   .merges_off = chain.merges_off,
                   .merges_since_best = chain.merges_since_best,
                   .tunes_since_best = chain.tunes_since_best,
                   .restarts_since_best = chain.restarts_since_best};
}

double State::Tau(int repeats) const {
  return Threshold(spec_->metric, noise(), tree_[best()].value.value_or(0),
                   repeats);
}

std::vector<AttemptId> State::Open() const {
  return {open_.begin(), open_.end()};
}

std::map<Outcome, int> State::Outcomes() const {
  std::map<Outcome, int> counts;
  for (const auto& [outcome, count] : outcomes_) {
    if (count > 0) counts[outcome] = count;
  }
  return counts;
}

State::Judged State::judged() const {
  Judged judged;
  judged.samples = judged_samples_;
  for (const auto& [key, line] : ledger_) {
    if (key.role == kJudgeRole) judged.picodollars += line.picodollars;
  }
  return judged;
}

std::vector<AttemptId> State::Unanswered() const {
  std::vector<AttemptId> attempts;
  for (const auto& [attempt, reserved] : reserved_) attempts.push_back(attempt);
  return attempts;
}

std::vector<std::int64_t> State::LeanAnswers() const {
  std::vector<std::int64_t> wanted;
  for (const auto& [attempt, info] : infos_.open()) {
    for (const Turn& turn : info->turns) {
      if (turn.answered) wanted.push_back(turn.answered_seq);
    }
  }
  std::ranges::sort(wanted);
  return wanted;
}

void State::Refill(const Answered& answered) {
  for (Turn& turn : infos_[answered.attempt].turns) {
    if (turn.turn == answered.turn) {
      turn.answered = std::make_shared<const Answered>(answered);
    }
  }
}

State::Duel State::DuelOf(AttemptId candidate, AttemptId best,
                          SamplePhase phase) const {
  Duel duel;
  auto collect = [&](AttemptId node, AttemptId versus,
                     std::vector<double>& into, std::vector<double>& seconds) {
    for (const SampleStore::Met& met : samples_.Against(node, phase, versus)) {
      if (auto score = measurements_->ScoreAt(node, phase, met.index)) {
        into.push_back(*score);
        seconds.push_back(met.seconds);
      }
    }
  };
  collect(candidate, best, duel.candidate, duel.candidate_seconds);
  collect(best, candidate, duel.best, duel.best_seconds);
  return duel;
}

std::optional<double> State::RaceHoldoutGain(AttemptId winner) const {
  auto node = race_holdout_.find(winner);
  auto baseline = race_holdout_.find(AttemptId(0));
  if (node == race_holdout_.end() || baseline == race_holdout_.end()) {
    return std::nullopt;
  }
  const double before = measurements_->Aggregate(baseline->second);
  const double gain = spec::Sign(spec_->metric.direction) *
                      (measurements_->Aggregate(node->second) - before);
  return before == 0 ? gain : gain / std::abs(before);
}

Consumption State::Used(WallTime now) const {
  using Hours = std::chrono::duration<double, std::ratio<3600>>;
  Consumption used;
  used.finished = static_cast<int>(finished_.size());
  used.in_flight = static_cast<int>(open_.size());
  used.hours = std::max(0.0, Hours(now - started_at_).count());
  used.evaluation_hours = evaluation_seconds_ / 3600;
  used.picodollars = picodollars_;
  used.usd = static_cast<double>(picodollars_) / 1e12;
  for (const auto& [attempt, reserved] : reserved_) {
    used.picodollars_reserved += reserved.picodollars;
    used.tokens_reserved += reserved.tokens;
  }
  used.usd_reserved = static_cast<double>(used.picodollars_reserved) / 1e12;
  used.price_unknown = price_unknown_;
  used.tokens = tokens_;
  used.since_best = since_best_;
  used.samples = search_samples_;
  used.repeats = measurements_->Repeats();
  if (measured_nodes_ > 0) {
    used.mean_evaluation_seconds = evaluation_seconds_ / measured_nodes_;
  }
  // A target is reached by a confirmed best only (SPEC §5, step 6).
  const auto& value = best_.value() < tree_.size() ? tree_[best_].value
                                                   : std::optional<double>();
  if (spec_->metric.target && value && best_ != tree_.root()) {
    const int sign = spec::Sign(spec_->metric.direction);
    used.target_reached = sign * (*value - *spec_->metric.target) >= 0;
  }
  return used;
}

std::string State::FormatOf(const std::string& arm) const {
  auto switched = formats_.find(arm);
  if (switched != formats_.end()) return switched->second;
  for (const spec::Proposer& proposer : spec_->proposers) {
    if (proposer.name == arm) return proposer.proposal.edit_format;
  }
  return spec_->proposal.edit_format;
}

const std::vector<AttemptId>& State::AttemptsFrom(AttemptId parent) const {
  static const std::vector<AttemptId> kNone;
  auto found = from_.find(parent);
  return found == from_.end() ? kNone : found->second;
}

std::string State::LessonOf(AttemptId node) const {
  auto found = lessons_.find(node);
  if (found == lessons_.end()) return {};
  return Info(found->second)->plan.lesson.str();
}

const Idea* State::NextIdea() const {
  auto idea = std::ranges::find_if(
      ideas_, [](const Idea& candidate) { return !candidate.tried; });
  return idea == ideas_.end() ? nullptr : &*idea;
}

}  // namespace coppice::search
