#include "search/policy_index.h"

#include <algorithm>
#include <cmath>
#include <limits>

// An attempt on a failed node (a repair) is charged to the node's anchor, the
// nearest ancestor that did not fail: "attempts" of SEARCH.md §2 are valid
// children, failed ones, repairs and whatever is in flight.
//
// A node is exhausted when each of its last three finished children gained
// less than τ; a failed child that was repaired counts with the repair, one
// that was not gained nothing. τ follows the noise and moves with every
// sample, so the gains are kept in order and only nodes between the old τ and
// the new one change sides.
//
// The usual changes (a node added, finished, counted, measured again) touch
// O(log n). A node that is opened again or finishes as another kind moves what
// its descendants are charged to: that is rare, and rebuilds everything.

namespace coppice::search {
namespace {

constexpr double kNothing = -std::numeric_limits<double>::infinity();

}  // namespace

bool MayGrow(const Node& node) {
  return node.outcome && MayBeImproved(*node.outcome) && node.value &&
         std::isfinite(*node.value) && !node.pruned;
}

bool Failed(const Node& node) {
  return node.outcome && !MayBeImproved(*node.outcome);
}

NodeId Anchor(const SolutionTree& tree, NodeId node) {
  NodeId at = tree.FirstParent(node).value_or(tree.root());
  while (at != tree.root() && Failed(tree[at])) at = *tree.FirstParent(at);
  return at;
}

PolicyIndex::PolicyIndex(const spec::Spec& spec, Root root, Repairs repairs,
                         Watcher watcher, Lineages lineages)
    : search_(spec.search),
      sign_(spec::Sign(spec.metric.direction)),
      root_(root),
      repairs_(repairs),
      watcher_(std::move(watcher)),
      lineages_(lineages == Lineages::kRanked) {}

// A chain that was not asked for before knows the root as it is now.
void PolicyIndex::AddChains(const SolutionTree& tree, int chain) {
  while (static_cast<int>(chains_.size()) <= chain) {
    chains_.emplace_back();
    if (tree.empty()) continue;
    Update(tree, static_cast<int>(chains_.size()) - 1, tree.root());
  }
}

ChainIndex& PolicyIndex::ChainOf(int chain) {
  return chains_.at(static_cast<std::size_t>(chain));
}

Remembered& PolicyIndex::Memory(int chain, NodeId node) {
  return node.value() == 0 ? ChainOf(chain).root : nodes_[node.value()];
}

int PolicyIndex::Attempts(const SolutionTree& tree, int chain,
                          NodeId node) const {
  return node == tree.root() ? tree.RootAttempts(chain) : tree[node].attempts;
}

int PolicyIndex::InFlight(const SolutionTree& tree, int chain,
                          NodeId node) const {
  return node == tree.root() ? tree.RootInFlight(chain) : tree[node].in_flight;
}

void PolicyIndex::Changed(const SolutionTree& tree, NodeId id) {
  if (nodes_.size() < tree.size()) nodes_.resize(tree.size());
  const Node& node = tree[id];
  AddChains(tree, node.chain);
  const Remembered& known = Memory(node.chain, id);
  const bool finished = node.outcome.has_value();
  const bool improvable = finished && MayBeImproved(*node.outcome);
  const bool other =
      finished != known.finished || improvable != known.improvable;
  if (known.told && other && (known.finished || known.counted > 0)) {
    Rebuild(tree);
  } else if (id == tree.root()) {
    for (int c = 0; c < static_cast<int>(chains_.size()); ++c) {
      Update(tree, c, id);
    }
  } else {
    Update(tree, node.chain, id);
  }
}

void PolicyIndex::Rebuild(const SolutionTree& tree) {
  if (watcher_.forgot) watcher_.forgot();
  for (ChainIndex& chain : chains_) {
    const double tau = chain.tau;
    chain = ChainIndex();
    chain.tau = tau;
  }
  nodes_.assign(tree.size(), Remembered());
  for (std::uint32_t id = 0; id < tree.size(); ++id) Changed(tree, NodeId(id));
}

void PolicyIndex::Update(const SolutionTree& tree, int chain, NodeId id) {
  const Node& node = tree[id];
  Remembered& known = Memory(chain, id);
  known.told = true;
  known.finished = node.outcome.has_value();
  known.improvable = node.outcome && MayBeImproved(*node.outcome);
  const int attempts = Attempts(tree, chain, id);
  const int more = attempts - known.counted;
  known.counted = attempts;
  const int in_flight = InFlight(tree, chain, id);
  const int more_in_flight = in_flight - known.counted_in_flight;
  known.counted_in_flight = in_flight;
  Lineage* lineage = Touch(tree, chain, id);
  Refresh(tree, chain, id, lineage);
  if (id == tree.root()) return;
  if (lineage) lineage->attempts += more;
  const NodeId anchor = Anchor(tree, id);
  if (Failed(node)) {
    Memory(chain, anchor).charged += more;
    Memory(chain, anchor).charged_in_flight += more_in_flight;
  }
  Refresh(tree, chain, anchor, anchor == tree.root() ? nullptr : lineage);
}

Lineage* PolicyIndex::Touch(const SolutionTree& tree, int chain, NodeId node) {
  if (!lineages_ || node == tree.root()) return nullptr;
  ChainIndex& index = ChainOf(chain);
  const NodeId id = tree[node].lineage;
  Lineage& lineage = index.lineages[id];
  if (!lineage.touched) index.touched.push_back(id);
  lineage.touched = true;
  return &lineage;
}

void PolicyIndex::Refresh(const SolutionTree& tree, int chain, NodeId id) {
  Refresh(tree, chain, id, Touch(tree, chain, id));
}

void PolicyIndex::Refresh(const SolutionTree& tree, int chain, NodeId id,
                          Lineage* lineage) {
  ChainIndex& index = ChainOf(chain);
  Remembered& known = Memory(chain, id);
  const std::optional<double> gain = LatestGain(tree, chain, id);
  if (gain != known.latest_gain) {
    if (known.latest_gain) index.latest_gains.Erase({*known.latest_gain, id});
    if (gain) index.latest_gains.Insert({*gain, id});
    known.latest_gain = gain;
  }
  const std::optional<Standing> standing = StandingOf(tree, chain, id);
  index.ranking.Move(id, known.standing, standing);
  if (id != tree.root()) RefreshDebuggable(tree, index, id);
  if (lineage) lineage->ranking.Move(id, known.standing, standing);
  const bool moved = standing != known.standing;
  known.standing = standing;
  if (moved && watcher_.moved) watcher_.moved(tree, chain, id, standing);
}

// A failed node is tried at most max_debug_depth times even when no attempt
// yields a commit, or one hopeless leaf could eat half of the budget.
void PolicyIndex::RefreshDebuggable(const SolutionTree& tree, ChainIndex& index,
                                    NodeId id) {
  const Node& node = tree[id];
  Remembered& known = nodes_[id.value()];
  const bool debuggable =
      node.outcome && MayBeDebugged(*node.outcome) && !node.pruned &&
      node.in_flight == 0 && node.debug_depth < search_.max_debug_depth &&
      node.attempts < search_.max_debug_depth &&
      (!search_.max_depth || node.depth < *search_.max_depth) &&
      boost::out_degree(id.value(), tree.graph()) == 0;
  if (debuggable == known.debuggable) return;
  known.debuggable = debuggable;
  if (debuggable) {
    index.debuggable.Insert(id.value());
  } else {
    index.debuggable.Erase(id.value());
  }
}

std::optional<Standing> PolicyIndex::StandingOf(const SolutionTree& tree,
                                                int chain, NodeId id) const {
  const Node& node = tree[id];
  if (!MayGrow(node)) return std::nullopt;
  const bool root = id == tree.root();
  const ChainIndex& index = chains_[static_cast<std::size_t>(chain)];
  const Remembered& known = root ? index.root : nodes_[id.value()];
  Standing standing{.score = sign_ * *node.value,
                    .attempts = Attempts(tree, chain, id),
                    .in_flight = InFlight(tree, chain, id)};
  if (repairs_ == Repairs::kCharged) {
    standing.attempts += known.charged;
    standing.in_flight += known.charged_in_flight;
  }
  if ((root && root_ == Root::kRankedOnly) ||
      (search_.max_depth && node.depth >= *search_.max_depth)) {
    standing.access = Access::kRanked;
  } else if (known.latest_gain && *known.latest_gain < index.tau) {
    standing.access = Access::kExhausted;
  }
  return standing;
}

std::optional<double> PolicyIndex::LatestGain(const SolutionTree& tree,
                                              int chain, NodeId id) const {
  if (!MayGrow(tree[id])) return std::nullopt;
  if (id == tree.root() && root_ == Root::kRankedOnly) return std::nullopt;
  const double score = sign_ * *tree[id].value;
  auto [begin, end] = boost::out_edges(id.value(), tree.graph());
  double most = kNothing;
  int seen = 0;
  while (end != begin && seen < 3) {
    --end;
    NodeId child(static_cast<std::uint32_t>(boost::target(*end, tree.graph())));
    if (tree[child].chain != chain || !tree[child].outcome) continue;
    if (tree.FirstParent(child) != id) continue;
    most = std::max(most, Gain(tree, score, child).value_or(kNothing));
    ++seen;
  }
  if (seen < 3) return std::nullopt;
  return most;
}

std::optional<double> PolicyIndex::Gain(const SolutionTree& tree, double score,
                                        NodeId child) const {
  const Node& node = tree[child];
  if (!Failed(node)) {
    if (!node.value) return std::nullopt;
    return sign_ * *node.value - score;
  }
  std::optional<double> most;
  for (NodeId repair : tree.Children(child)) {
    if (tree.FirstParent(repair) == child) {
      most = std::max(most, Gain(tree, score, repair));
    }
  }
  return most;
}

ChainIndex& PolicyIndex::At(const SolutionTree& tree, int chain, double tau) {
  AddChains(tree, chain);
  ChainIndex& index = ChainOf(chain);
  if (tau == index.tau) return index;
  auto [low, high] = std::minmax(index.tau, tau);
  auto from = index.latest_gains.LowerBound({low, NodeId(0)});
  auto to = index.latest_gains.LowerBound({high, NodeId(0)});
  std::vector<NodeId> crossed;
  for (; from != to; ++from) crossed.push_back(from->second);
  index.tau = tau;
  for (NodeId node : crossed) Refresh(tree, chain, node);
  return index;
}

}  // namespace coppice::search
