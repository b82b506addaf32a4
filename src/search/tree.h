#pragma once

#include <boost/container/static_vector.hpp>
#include <boost/graph/adjacency_list.hpp>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/outcome.h"

namespace coppice::search {

// The first is the one that a patch is against; a merge has a second.
inline constexpr std::size_t kMostParents = 2;
struct ParentIds : boost::container::static_vector<
                       NodeId, kMostParents,
                       boost::container::static_vector_options_t<
                           boost::container::stored_size<std::uint8_t>>> {
  using static_vector::static_vector;
  ParentIds(const std::vector<NodeId>& ids)
      : static_vector(ids.begin(), ids.end()) {}
};

// A vertex: one commit. A tree may have a million of them: every byte counts.
struct Node {
  // Constant once added.
  AttemptId attempt;
  ObjectId commit;
  ObjectId tree;
  Operator op = Operator::kDraft;
  int chain = 0;
  int depth = 0;        // of the first parent + 1; the root has 0
  NodeId lineage;       // ancestor at depth 1; the root is its own
  int debug_depth = 0;  // debug steps in a row that end here
  int added = 0;        // lines against the first parent
  int removed = 0;
  std::uint32_t files = 0;  // which of the tree's lists (SolutionTree::Files)
  ParentIds parents;

  // Recomputed by every event about the node.
  bool pruned = false;
  std::optional<Outcome> outcome;  // nothing while it is evaluated
  // Attempts on this node: finished, failed and in flight.
  int attempts = 0;
  int in_flight = 0;
  std::optional<double> value;  // v (SPEC §5), in the metric's unit
};

// One attempt, whether it became a node or not.
struct Attempt {
  Operator op = Operator::kDraft;
  ParentIds parents;
  int chain = 0;
  bool history_withheld = false;
  bool selected = false;           // else a number that nothing is known of
  std::optional<Outcome> outcome;  // nothing while in flight
  std::optional<NodeId> node;
};

// Append-only. Boost.Graph underneath, an edge from a node to each of its
// children; the descriptor is the NodeId, so the order of vertices is
// topological. Conductor thread.
class SolutionTree {
 public:
  using Graph =
      boost::adjacency_list<boost::vecS, boost::vecS, boost::directedS, Node>;

  SolutionTree() = default;
  SolutionTree(SolutionTree&&) = default;
  SolutionTree& operator=(SolutionTree&&) = default;

  bool empty() const { return boost::num_vertices(graph_) == 0; }
  std::size_t size() const { return boost::num_vertices(graph_); }
  const Node& operator[](NodeId id) const { return graph_[id.value()]; }
  NodeId root() const { return NodeId(0); }
  std::optional<NodeId> Find(AttemptId attempt) const;
  const Attempt* FindAttempt(AttemptId attempt) const;
  std::int64_t attempts() const {
    return selected_;
  }  // ever selected, baseline excluded
  const Graph& graph() const { return graph_; }
  // What a node changes against its first parent.
  const std::vector<std::string>& Files(NodeId id) const {
    return *file_lists_[(*this)[id].files];
  }

  // Of one chain: attempts on the root (Node::attempts counts all chains'),
  // those of them in flight, and attempts with an outcome in the order of
  // their first one.
  int RootAttempts(int chain) const;
  int RootInFlight(int chain) const;
  const std::vector<AttemptId>& Finished(int chain) const;
  // Was a merge of these two, either way round, ever selected?
  bool MergeTried(NodeId a, NodeId b) const;

  // First parent first. Children in the order of addition.
  const ParentIds& Parents(NodeId id) const { return (*this)[id].parents; }
  std::vector<NodeId> Children(NodeId id) const;
  std::optional<NodeId> FirstParent(NodeId id) const;  // the root has none
  std::vector<NodeId> Ancestors(NodeId id) const;      // nearest first
  bool IsAncestor(NodeId above, NodeId below) const;   // false for itself
  std::vector<NodeId> PathToRoot(NodeId id) const;     // id first, root last
  // Deepest common ancestor; of several (criss-cross merges) the newest. A
  // node counts as its own ancestor here.
  NodeId MergeBase(NodeId a, NodeId b) const;

  // The changes, each idempotent; applied by State alone. `parents` empty:
  // the root (attempt 0).
  void Select(AttemptId attempt, Attempt what);
  NodeId Commit(AttemptId attempt, Node node, std::span<const NodeId> parents,
                const std::vector<std::string>& files = {});
  void Finish(AttemptId attempt, Outcome outcome);
  // Back in flight: approve, remeasure, repaired environment.
  void Reopen(AttemptId attempt);
  void SetValue(NodeId node, std::optional<double> value);
  void Prune(NodeId node);  // and all that grew or will grow below it

 private:
  struct Chain {
    int root_attempts = 0;
    int root_in_flight = 0;
    std::vector<AttemptId> finished;
  };
  Chain& ChainOf(int chain);
  Attempt* Selected(AttemptId attempt);
  void CountInFlight(const Attempt& attempt, int change);
  std::uint32_t ListOf(const std::vector<std::string>& files);

  Graph graph_;
  // Few differ: each is kept once, by its number.
  std::map<std::vector<std::string>, std::uint32_t> list_numbers_;
  std::vector<const std::vector<std::string>*> file_lists_;
  // Both by the attempt's number.
  std::deque<Attempt> attempts_;
  std::vector<NodeId> by_attempt_;
  std::int64_t selected_ = 0;
  std::vector<Chain> chains_;
  std::set<std::pair<NodeId, NodeId>> merges_;  // lower id first
};

}  // namespace coppice::search
