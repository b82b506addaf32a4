#include "search/subtrees.h"

#include <algorithm>

// A change of a node is walked up to the root: counts are added to, the worth
// is the greater of two numbers, and what the parent lists is moved if its
// class or worth is another. Only when the best of a subtree is lost (pruned,
// measured again, opened again), and for means, the children of a node are
// gone through. Of nodes that may be expanded a parent knows only which of its
// children lead to one, so a finished attempt is seldom walked far.

namespace coppice::search {
namespace {

constexpr double kNothing = -std::numeric_limits<double>::infinity();

// What becomes of "is there any".
int Add(int& count, int change) {
  const int before = count > 0 ? 1 : 0;
  count += change;
  return (count > 0 ? 1 : 0) - before;
}

}  // namespace

void Subtrees::Forget() {
  roots_.clear();
  root_scores_.clear();
  nodes_.clear();
  scores_.clear();
}

const Subtrees::Spot& Subtrees::At(int chain, NodeId node) const {
  return node.value() == 0 ? roots_[static_cast<std::size_t>(chain)]
                           : nodes_[node.value()];
}

Subtrees::Spot& Subtrees::Of(const SolutionTree& tree, int chain,
                             std::uint32_t node) {
  if (node == 0) {
    const auto index = static_cast<std::size_t>(chain);
    if (index >= roots_.size()) {
      roots_.resize(index + 1);
      root_scores_.resize(index + 1);
    }
    return roots_[index];
  }
  if (node >= nodes_.size()) {
    nodes_.resize(tree.size());
    scores_.resize(tree.size());
  }
  Spot& spot = nodes_[node];
  if (spot.parent == kNone) spot.parent = Anchor(tree, NodeId(node)).value();
  return spot;
}

Subtrees::Score& Subtrees::ScoreOf(int chain, std::uint32_t node) {
  return node == 0 ? root_scores_[static_cast<std::size_t>(chain)]
                   : scores_[node];
}

void Subtrees::Move(const SolutionTree& tree, int chain, NodeId node,
                    const std::optional<Standing>& to) {
  if (node == tree.root() && !to) return;  // Root
  Put(tree, chain, node.value(), to);
}

void Subtrees::Root(const SolutionTree& tree, int chain) {
  if (MayGrow(tree[tree.root()])) return;
  Put(tree, chain, 0,
      Standing{.score = kNothing,
               .attempts = tree.RootAttempts(chain),
               .in_flight = tree.RootInFlight(chain)});
}

void Subtrees::Put(const SolutionTree& tree, int chain, std::uint32_t node,
                   const std::optional<Standing>& to) {
  Spot& spot = Of(tree, chain, node);
  Score& score = ScoreOf(chain, node);
  Change change{.from = spot.stands ? score.own : kNothing, .to = kNothing};
  auto count = [&](int sign) {
    if (!spot.stands) return;
    change.visits += sign * spot.attempts;
    change.open += spot.access == Access::kOpen ? sign : 0;
    change.exhausted += spot.access == Access::kExhausted ? sign : 0;
    change.scores += score.own == kNothing ? 0 : sign;
  };
  count(-1);
  spot.stands = to.has_value();
  if (to) {
    spot.access = to->access;
    spot.attempts = to->attempts;
    score.own = change.to = to->score;
  }
  count(+1);
  change.score = change.from != change.to;
  if (change.from != kNothing && change.score) ++edition_;
  Walk(tree, chain, node, change);
}

void Subtrees::Walk(const SolutionTree& tree, int chain, std::uint32_t node,
                    Change change) {
  Spot* at = &Of(tree, chain, node);
  while (true) {
    Spot& spot = *at;
    spot.visits += change.visits;
    change.open = Add(spot.open, change.open);
    change.exhausted = Add(spot.exhausted, change.exhausted);
    if (backup_ == Backup::kMean) ScoreOf(chain, node).count += change.scores;
    const double before = spot.worth;
    if (change.score) Weigh(tree, chain, node, spot, change);
    if (node == 0) return;
    const std::uint32_t parent = spot.parent;
    at = &Of(tree, chain, parent);  // older: nothing moves
    List(*at, node, spot, before);
    change.from = before;
    change.to = spot.worth;
    if (backup_ == Backup::kBest) change.score = before != spot.worth;
    if (change.visits == 0 && change.open == 0 && change.exhausted == 0 &&
        !change.score) {
      return;
    }
    node = parent;
  }
}

void Subtrees::Weigh(const SolutionTree& tree, int chain, std::uint32_t node,
                     Spot& spot, const Change& change) {
  const bool mean = backup_ == Backup::kMean;
  if (!mean && change.to >= spot.worth) {
    spot.worth = change.to;
    return;
  }
  if (!mean && change.from < spot.worth) return;
  Score& score = ScoreOf(chain, node);
  const bool scored = spot.stands && score.own != kNothing;
  score.sum = scored ? score.own : 0;
  spot.worth = scored ? score.own : kNothing;
  search::VisitChildren(tree, node, [&](std::uint32_t child) {
    if (child >= nodes_.size() || nodes_[child].parent != node) return;
    if (tree[NodeId(child)].chain != chain) return;
    score.sum += scores_[child].sum;
    spot.worth = std::max(spot.worth, nodes_[child].worth);
  });
  if (mean) spot.worth = score.count > 0 ? score.sum / score.count : kNothing;
}

void Subtrees::List(Spot& parent, std::uint32_t node, Spot& spot,
                    double before) {
  int visits_class = 0;
  if (spot.open > 0) {
    visits_class = VisitsClass(spot.visits);
  } else if (spot.exhausted > 0) {
    visits_class = kExhausted + VisitsClass(spot.visits);
  }
  const bool same = visits_class == spot.listed_class &&
                    (visits_class == 0 || spot.worth == before);
  if (same) return;
  Child child{.visits_class = visits_class, .id = node, .worth = spot.worth};
  if (spot.listed_class != 0) {
    const Child listed{
        .visits_class = spot.listed_class, .id = node, .worth = before};
    if (before == child.worth) {
      const Child& known = *parent.children.LowerBound(listed);
      child.above = known.above;
      child.above_edition = known.above_edition;
    }
    parent.children.Erase(listed);
  }
  spot.listed_class = static_cast<std::int16_t>(visits_class);
  if (visits_class == 0) return;
  parent.children.Insert(child);
}

}  // namespace coppice::search
