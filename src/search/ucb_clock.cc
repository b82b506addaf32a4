#include "search/ucb_clock.h"

#include <algorithm>
#include <limits>

#include "search/policy_index.h"

// A new score is appended in O(1). A value measured again (the best is, with
// every contender) changes one entry: its lineage is brought up to date from
// there, and the count of progress is one pass over an array of numbers.

namespace coppice::search {
namespace {

constexpr double kNone = -std::numeric_limits<double>::infinity();

}  // namespace

double UcbClock::Score(const SolutionTree& tree, NodeId node) const {
  return MayGrow(tree[node]) ? sign_ * *tree[node].value : kNone;
}

// Only what was already taken in can make the past wrong.
void UcbClock::Changed(const SolutionTree& tree, NodeId node) {
  const double score = Score(tree, node);
  if (node == tree.root()) {
    restart_ |= score != baseline_;
    return;
  }
  if (node.value() >= taken_.size()) return;
  const Taken& at = taken_[node.value()];
  if (at.position == kNotTaken) return;
  if (!tree[node].outcome) restart_ = true;  // opened again
  if (scores_[at.position] == score) return;
  scores_[at.position] = score;
  recount_ = true;
  History& history = lineages_[at.lineage];
  history.scores[at.in_lineage] = score;
  double best = at.in_lineage > 0 ? history.bests[at.in_lineage - 1] : kNone;
  for (std::size_t i = at.in_lineage; i < history.scores.size(); ++i) {
    best = std::max(best, history.scores[i]);
    history.bests[i] = best;
  }
}

void UcbClock::CatchUp(const SolutionTree& tree) {
  if (restart_) Restart(tree);
  const std::vector<AttemptId>& finished = tree.Finished(chain_);
  while (scores_.size() < finished.size()) {
    Take(tree, finished[scores_.size()]);
  }
  if (recount_) Recount();
}

void UcbClock::Restart(const SolutionTree& tree) {
  restart_ = false;
  recount_ = true;
  ++edition_;
  baseline_ = Score(tree, tree.root());
  taken_.clear();
  scores_.clear();
  lineages_.clear();
}

void UcbClock::Take(const SolutionTree& tree, AttemptId attempt) {
  const Attempt& record = *tree.FindAttempt(attempt);
  const NodeId at = record.node.value_or(record.parents.front());
  const double score = record.node ? Score(tree, at) : kNone;
  scores_.push_back(score);
  if (!recount_) Advance(score);
  if (at == tree.root()) return;
  History& history = lineages_[tree[at].lineage];
  if (record.node) {
    if (at.value() >= taken_.size()) taken_.resize(tree.size());
    taken_[at.value()] = {
        .position = static_cast<std::uint32_t>(scores_.size() - 1),
        .in_lineage = static_cast<std::uint32_t>(history.scores.size()),
        .lineage = tree[at].lineage};
  }
  const double before = history.bests.empty() ? kNone : history.bests.back();
  history.scores.push_back(score);
  history.bests.push_back(std::max(before, score));
}

// A step that is tiny against the whole climb is no progress, or a search that
// creeps towards a ceiling would never look elsewhere.
void UcbClock::Advance(double score) {
  ++counted_;
  if (start_ == kNone) {  // the baseline could not be measured
    start_ = reference_ = score;
  }
  best_ = std::max(best_, score);
  if (best_ > reference_ && best_ >= reference_ + eps_ * (best_ - start_)) {
    reference_ = best_;
    last_progress_ = counted_;
  }
}

void UcbClock::Recount() {
  recount_ = false;
  counted_ = last_progress_ = 0;
  start_ = best_ = reference_ = baseline_;
  for (double score : scores_) Advance(score);
}

double UcbClock::Gain(NodeId lineage, std::size_t attempts) const {
  auto found = lineages_.find(lineage);
  if (found == lineages_.end()) return 0;
  const std::vector<double>& bests = found->second.bests;
  if (bests.back() == kNone || start_ == kNone) return 0;
  const double then =
      bests.size() > attempts ? bests[bests.size() - 1 - attempts] : kNone;
  return bests.back() - (then == kNone ? start_ : then);
}

}  // namespace coppice::search
