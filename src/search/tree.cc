#include "search/tree.h"

#include <algorithm>
#include <limits>
#include <queue>
#include <ranges>
#include <unordered_map>
#include <unordered_set>

// Vertices are appended after their parents, so an ancestor always has the
// lower id. Every walk upwards uses that: it never looks below the id it is
// searching for, and the common ancestor with the highest id is one that no
// other common ancestor descends from.
//
// Counts on nodes change only when an attempt changes between unknown, in
// flight and finished, which its record remembers: a change told twice counts
// once.

namespace coppice::search {
namespace {

constexpr NodeId kNoNode(std::numeric_limits<std::uint32_t>::max());

}  // namespace

std::optional<NodeId> SolutionTree::Find(AttemptId attempt) const {
  const auto index = static_cast<std::size_t>(attempt.value());
  if (index >= by_attempt_.size() || by_attempt_[index] == kNoNode) {
    return std::nullopt;
  }
  return by_attempt_[index];
}

const Attempt* SolutionTree::FindAttempt(AttemptId attempt) const {
  const auto index = static_cast<std::size_t>(attempt.value());
  if (index >= attempts_.size() || !attempts_[index].selected) return nullptr;
  return &attempts_[index];
}

Attempt* SolutionTree::Selected(AttemptId attempt) {
  return const_cast<Attempt*>(FindAttempt(attempt));
}

int SolutionTree::RootAttempts(int chain) const {
  const auto index = static_cast<std::size_t>(chain);
  return index < chains_.size() ? chains_[index].root_attempts : 0;
}

int SolutionTree::RootInFlight(int chain) const {
  const auto index = static_cast<std::size_t>(chain);
  return index < chains_.size() ? chains_[index].root_in_flight : 0;
}

const std::vector<AttemptId>& SolutionTree::Finished(int chain) const {
  static const std::vector<AttemptId> kNone;
  const auto index = static_cast<std::size_t>(chain);
  return index < chains_.size() ? chains_[index].finished : kNone;
}

bool SolutionTree::MergeTried(NodeId a, NodeId b) const {
  return merges_.contains(std::minmax(a, b));
}

std::vector<NodeId> SolutionTree::Children(NodeId id) const {
  std::vector<NodeId> children;
  auto [edge, end] = boost::out_edges(id.value(), graph_);
  for (; edge != end; ++edge) {
    children.emplace_back(
        static_cast<std::uint32_t>(boost::target(*edge, graph_)));
  }
  return children;
}

std::optional<NodeId> SolutionTree::FirstParent(NodeId id) const {
  const ParentIds& parents = Parents(id);
  if (parents.empty()) return std::nullopt;
  return parents.front();
}

std::vector<NodeId> SolutionTree::Ancestors(NodeId id) const {
  std::vector<NodeId> found;
  std::unordered_set<NodeId> seen{id};
  auto take = [&](NodeId from) {
    for (NodeId parent : Parents(from)) {
      if (seen.insert(parent).second) found.push_back(parent);
    }
  };
  take(id);
  for (std::size_t next = 0; next < found.size(); ++next) take(found[next]);
  return found;
}

bool SolutionTree::IsAncestor(NodeId above, NodeId below) const {
  std::vector<NodeId> open{below};
  std::unordered_set<NodeId> merged;  // seen; only merges lead back to a node
  while (!open.empty()) {
    const NodeId at = open.back();
    open.pop_back();
    const ParentIds& parents = Parents(at);
    if (parents.size() > 1 && !merged.insert(at).second) continue;
    for (NodeId parent : parents) {
      if (parent == above) return true;
      if (parent > above) open.push_back(parent);
    }
  }
  return false;
}

std::vector<NodeId> SolutionTree::PathToRoot(NodeId id) const {
  std::vector<NodeId> path{id};
  while (auto parent = FirstParent(path.back())) path.push_back(*parent);
  return path;
}

// Both sides are walked upwards at once, highest id first, so that all marks
// of a node are in when it is taken out.
NodeId SolutionTree::MergeBase(NodeId a, NodeId b) const {
  std::unordered_map<NodeId, int> sides;
  std::priority_queue<NodeId> open;
  auto mark = [&](NodeId node, int side) {
    auto [known, added] = sides.try_emplace(node, side);
    if (added) open.push(node);
    known->second |= side;
  };
  mark(a, 1);
  mark(b, 2);
  while (!open.empty()) {
    const NodeId at = open.top();
    open.pop();
    const int side = sides[at];
    if (side == 3) return at;
    for (NodeId parent : Parents(at)) mark(parent, side);
  }
  return root();
}

SolutionTree::Chain& SolutionTree::ChainOf(int chain) {
  const auto index = static_cast<std::size_t>(chain);
  if (index >= chains_.size()) chains_.resize(index + 1);
  return chains_[index];
}

void SolutionTree::CountInFlight(const Attempt& attempt, int change) {
  for (NodeId parent : attempt.parents) {
    graph_[parent.value()].in_flight += change;
  }
  if (!attempt.parents.empty() && attempt.parents.front() == root()) {
    ChainOf(attempt.chain).root_in_flight += change;
  }
}

void SolutionTree::Select(AttemptId attempt, Attempt what) {
  if (FindAttempt(attempt) != nullptr) return;
  const auto index = static_cast<std::size_t>(attempt.value());
  if (index >= attempts_.size()) attempts_.resize(index + 1);
  Attempt& record = attempts_[index];
  record = std::move(what);
  record.selected = true;
  ++selected_;
  for (NodeId parent : record.parents) ++graph_[parent.value()].attempts;
  CountInFlight(record, +1);
  if (!record.parents.empty() && record.parents.front() == root()) {
    ++ChainOf(record.chain).root_attempts;
  }
  if (record.op == Operator::kMerge && record.parents.size() == 2) {
    auto [a, b] = std::minmax(record.parents[0], record.parents[1]);
    merges_.emplace(a, b);
  }
}

std::uint32_t SolutionTree::ListOf(const std::vector<std::string>& files) {
  auto [known, added] = list_numbers_.try_emplace(
      files, static_cast<std::uint32_t>(file_lists_.size()));
  if (added) file_lists_.push_back(&known->first);
  return known->second;
}

NodeId SolutionTree::Commit(AttemptId attempt, Node node,
                            std::span<const NodeId> parents,
                            const std::vector<std::string>& files) {
  if (auto known = Find(attempt)) return *known;
  NodeId id(static_cast<std::uint32_t>(size()));
  node.attempt = attempt;
  node.lineage = id;
  node.parents.assign(parents.begin(), parents.end());
  node.files = ListOf(files);
  if (!parents.empty()) {
    const Node& parent = (*this)[parents.front()];
    node.depth = parent.depth + 1;
    if (parent.depth > 0) node.lineage = parent.lineage;
    if (node.op == Operator::kDebug) node.debug_depth = parent.debug_depth + 1;
    node.pruned = std::ranges::any_of(
        parents, [&](NodeId p) { return (*this)[p].pruned; });
  }
  graph_[boost::add_vertex(graph_)] = std::move(node);
  for (NodeId parent : parents) {
    boost::add_edge(parent.value(), id.value(), graph_);
  }
  const auto index = static_cast<std::size_t>(attempt.value());
  if (index >= by_attempt_.size()) by_attempt_.resize(index + 1, kNoNode);
  by_attempt_[index] = id;
  if (Attempt* record = Selected(attempt)) record->node = id;
  return id;
}

void SolutionTree::Finish(AttemptId attempt, Outcome outcome) {
  if (Attempt* known = Selected(attempt)) {
    if (!known->outcome) {
      CountInFlight(*known, -1);
      ChainOf(known->chain).finished.push_back(attempt);
    }
    known->outcome = outcome;
  }
  if (auto id = Find(attempt)) {
    Node& node = graph_[id->value()];
    node.outcome = outcome;
  }
}

void SolutionTree::Reopen(AttemptId attempt) {
  Attempt* record = Selected(attempt);
  if (record == nullptr || !record->outcome) return;
  Attempt& known = *record;
  known.outcome.reset();
  CountInFlight(known, +1);
  std::erase(ChainOf(known.chain).finished, attempt);
  if (!known.node) return;
  Node& node = graph_[known.node->value()];
  node.outcome.reset();
  node.value.reset();
}

void SolutionTree::SetValue(NodeId node, std::optional<double> value) {
  graph_[node.value()].value = value;
}

void SolutionTree::Prune(NodeId node) {
  std::vector<NodeId> open{node};
  while (!open.empty()) {
    const NodeId at = open.back();
    open.pop_back();
    if (std::exchange(graph_[at.value()].pruned, true)) continue;
    std::ranges::copy(Children(at), std::back_inserter(open));
  }
}

}  // namespace coppice::search
