#include "search/rewards.h"

#include <algorithm>

namespace coppice::search {
namespace {

constexpr std::int64_t kOne = std::int64_t{1} << 20;

// How many of the finished are ranked.
std::size_t RankedOf(std::size_t finished) {
  std::size_t ranked = std::min<std::size_t>(finished, 32);
  while (ranked + ranked / 16 <= finished && ranked >= 16) {
    ranked += ranked / 16;
  }
  return ranked;
}

}  // namespace

void Rewards::Forget() {
  chains_.clear();
  nodes_.clear();
}

Rewards::Spot& Rewards::Of(int chain, std::uint32_t node) {
  if (node == 0) return chains_[chain].root;
  if (node >= nodes_.size()) nodes_.resize(node + 1);
  return nodes_[node];
}

const Rewards::Spot& Rewards::At(int chain, std::uint32_t node) const {
  static const Spot kNone;
  if (node == 0) {
    auto own = chains_.find(chain);
    return own == chains_.end() ? kNone : own->second.root;
  }
  return node < nodes_.size() ? nodes_[node] : kNone;
}

// A node, and all above it.
void Rewards::Know(Chain& own, int chain, std::uint32_t node) {
  while (node != 0 && !Of(chain, node).known) {
    Of(chain, node).known = true;
    own.nodes.push_back(node);
    node = subtrees_.At(chain, NodeId(node)).parent;
  }
}

void Rewards::Move(int chain, NodeId id, std::optional<double> score,
                   int in_flight) {
  Chain& own = chains_[chain];
  std::uint32_t node = id.value();
  Know(own, chain, node);
  Spot& spot = Of(chain, node);
  if (score != spot.score) {
    spot.score = score;
    own.stale |= spot.ranked;
    own.changed.push_back(node);
  }
  const int more = in_flight - spot.in_flight;
  spot.in_flight = in_flight;
  if (more == 0) return;
  while (node != 0) {
    Of(chain, node).awaited += more;
    node = subtrees_.At(chain, NodeId(node)).parent;
  }
  own.root.awaited += more;
}

void Rewards::CatchUp(const SolutionTree& tree, int chain) {
  Chain& own = chains_[chain];
  const std::size_t ranked = RankedOf(tree.Finished(chain).size());
  if (own.stale || ranked != own.ranked) {
    own.ranked = ranked;
    Renew(tree, chain, own);
  } else {
    for (std::uint32_t node : own.changed) Weigh(chain, own, node);
  }
  own.changed.clear();
}

void Rewards::Renew(const SolutionTree& tree, int chain, Chain& own) {
  own.stale = false;
  for (std::uint32_t node : own.among) Of(chain, node).ranked = false;
  own.among.assign(1, 0);
  const std::vector<AttemptId>& finished = tree.Finished(chain);
  for (std::size_t i = 0; i < own.ranked; ++i) {
    if (auto node = tree.Find(finished[i])) own.among.push_back(node->value());
  }
  own.scores.clear();
  for (std::uint32_t node : own.among) {
    Spot& spot = Of(chain, node);
    spot.ranked = true;
    if (spot.score) own.scores.push_back(*spot.score);
  }
  std::ranges::sort(own.scores);
  own.root.children = own.root.subtree = {};
  for (std::uint32_t node : own.nodes) {
    Of(chain, node).children = Of(chain, node).subtree = {};
  }
  std::ranges::sort(own.nodes);
  own.root.q = Rank(own, own.root);
  Add(own.root.subtree, own.root.q, +1);
  for (std::size_t i = own.nodes.size(); i-- > 0;) {  // children first
    Spot& spot = Of(chain, own.nodes[i]);
    spot.q = Rank(own, spot);
    Add(spot.subtree, spot.q, +1);
    Spot& parent = Of(chain, subtrees_.At(chain, NodeId(own.nodes[i])).parent);
    Add(parent.children, spot.q, +1);
    parent.subtree.sum += spot.subtree.sum;
    parent.subtree.squares += spot.subtree.squares;
  }
}

void Rewards::Weigh(int chain, const Chain& own, std::uint32_t node) {
  Spot& spot = Of(chain, node);
  const std::int64_t before = spot.q;
  spot.q = Rank(own, spot);
  if (spot.q == before) return;
  const std::int64_t now = spot.q;
  for (std::uint32_t at = node;;) {
    Add(Of(chain, at).subtree, before, -1);
    Add(Of(chain, at).subtree, now, +1);
    if (at == 0) return;
    const std::uint32_t parent = subtrees_.At(chain, NodeId(at)).parent;
    if (at == node) {
      Add(Of(chain, parent).children, before, -1);
      Add(Of(chain, parent).children, now, +1);
    }
    at = parent;
  }
}

// Of a score that is not among the ranked: as if it were.
std::int64_t Rewards::Rank(const Chain& own, const Spot& spot) {
  if (!spot.score) return 0;
  auto [from, to] = std::ranges::equal_range(own.scores, *spot.score);
  const std::int64_t below = from - own.scores.begin();
  const std::int64_t equal = to - from - (spot.ranked ? 1 : 0);
  const std::int64_t others = std::ssize(own.scores) - (spot.ranked ? 1 : 0);
  if (others <= 0) return kOne / 2;
  return (2 * below + equal) * kOne / (2 * others);
}

Observed Rewards::Made(int chain, NodeId node) const {
  const Spot& spot = At(chain, node.value());
  return Told(subtrees_.At(chain, node).attempts, spot.in_flight,
              spot.children);
}

Observed Rewards::Deeper(int chain, NodeId node) const {
  const Spot& spot = At(chain, node.value());
  const Subtrees::Spot& counts = subtrees_.At(chain, node);
  Sums deeper{.sum = spot.subtree.sum - spot.children.sum,
              .squares = spot.subtree.squares - spot.children.squares};
  Add(deeper, spot.q, -1);
  return Told(counts.visits - 1 - counts.attempts,
              spot.awaited - spot.in_flight, deeper);
}

Observed Rewards::Within(int chain, NodeId node) const {
  const Spot& spot = At(chain, node.value());
  return Told(subtrees_.At(chain, node).visits, spot.awaited, spot.subtree);
}

Observed Rewards::Told(int count, int awaited, const Sums& sums) {
  constexpr auto kUnit = static_cast<double>(kOne);
  return {.count = count,
          .awaited = awaited,
          .sum = static_cast<double>(sums.sum) / kUnit,
          .squares = static_cast<double>(sums.squares) / kUnit / kUnit};
}

void Rewards::Add(Sums& sums, std::int64_t q, int sign) {
  sums.sum += sign * q;
  sums.squares += sign * (q * q);
}

}  // namespace coppice::search
