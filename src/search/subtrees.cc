#include "search/subtrees.h"

#include <algorithm>

// A change of a node is walked up to the root: counts are added to, the worth
// is the greater of two numbers, and what the parent lists is moved if its
// class or worth is another. Only when the best of a subtree is lost (pruned,
// measured again, opened again), and for means, the children of a node are
// gone through.

namespace coppice::search {
namespace {

constexpr double kNothing = -std::numeric_limits<double>::infinity();

}  // namespace

void Subtrees::Forget() {
  roots_.clear();
  nodes_.clear();
}

const Subtrees::Spot& Subtrees::At(int chain, NodeId node) const {
  return node.value() == 0 ? roots_[static_cast<std::size_t>(chain)]
                           : nodes_[node.value()];
}

Subtrees::Spot& Subtrees::Of(const SolutionTree& tree, int chain,
                             std::uint32_t node) {
  if (node == 0) {
    const auto index = static_cast<std::size_t>(chain);
    if (index >= roots_.size()) roots_.resize(index + 1);
    return roots_[index];
  }
  if (node >= nodes_.size()) nodes_.resize(tree.size());
  Spot& spot = nodes_[node];
  if (!spot.placed) {
    spot.placed = true;
    spot.parent = Anchor(tree, NodeId(node)).value();
  }
  return spot;
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
  Change change{.from = spot.stands ? spot.score : kNothing, .to = kNothing};
  auto count = [&](int sign) {
    if (!spot.stands) return;
    change.visits += sign * spot.attempts;
    change.open += spot.access == Access::kOpen ? sign : 0;
    change.exhausted += spot.access == Access::kExhausted ? sign : 0;
    change.scores += spot.score == kNothing ? 0 : sign;
  };
  count(-1);
  spot.stands = to.has_value();
  if (to) {
    spot.access = to->access;
    spot.attempts = to->attempts;
    spot.score = change.to = to->score;
  }
  count(+1);
  change.score = change.from != change.to;
  if (change.from != kNothing && change.score) ++edition_;
  Walk(tree, chain, node, change);
}

void Subtrees::Walk(const SolutionTree& tree, int chain, std::uint32_t node,
                    Change change) {
  while (true) {
    Spot& spot = Of(tree, chain, node);
    spot.visits += change.visits;
    spot.open += change.open;
    spot.exhausted += change.exhausted;
    spot.scores += change.scores;
    const double before = spot.worth;
    if (change.score) Weigh(tree, chain, node, spot, change);
    if (node == 0) return;
    const std::uint32_t parent = spot.parent;
    List(Of(tree, chain, parent), node, spot);
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
  const bool scored = spot.stands && spot.score != kNothing;
  spot.sum = scored ? spot.score : 0;
  spot.worth = scored ? spot.score : kNothing;
  search::VisitChildren(tree, node, [&](std::uint32_t child) {
    if (child >= nodes_.size() || nodes_[child].parent != node) return;
    if (!nodes_[child].placed || tree[NodeId(child)].chain != chain) return;
    spot.sum += nodes_[child].sum;
    spot.worth = std::max(spot.worth, nodes_[child].worth);
  });
  if (mean) spot.worth = spot.scores > 0 ? spot.sum / spot.scores : kNothing;
}

void Subtrees::List(Spot& parent, std::uint32_t node, Spot& spot) {
  int visits_class = 0;
  if (spot.open > 0) {
    visits_class = VisitsClass(spot.visits);
  } else if (spot.exhausted > 0) {
    visits_class = kExhausted + VisitsClass(spot.visits);
  }
  const bool same = visits_class == spot.listed_class &&
                    (visits_class == 0 || spot.worth == spot.listed_worth);
  if (same) return;
  if (spot.listed_class != 0) {
    auto known = parent.children->find(spot.listed_class);
    known->second.erase({spot.listed_worth, node});
    if (known->second.empty()) parent.children->erase(known);
  }
  spot.listed_class = visits_class;
  spot.listed_worth = spot.worth;
  if (visits_class == 0) return;
  if (!parent.children) parent.children = std::make_unique<Classes>();
  (*parent.children)[visits_class].insert({spot.worth, node});
}

}  // namespace coppice::search
