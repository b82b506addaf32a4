#pragma once

#include <boost/graph/adjacency_list.hpp>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/outcome.h"

namespace coppice::search {

// A vertex: one commit.
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
  std::vector<std::string> files;  // changed against the first parent

  // Recomputed by every event about the node.
  std::optional<Outcome> outcome;  // nothing while it is evaluated
  std::optional<double> value;     // v (SPEC §5), in the metric's unit
  // Attempts on this node: finished, failed and in flight.
  int attempts = 0;
  int in_flight = 0;
  bool pruned = false;
};

struct Edge {};

// One attempt, whether it became a node or not.
struct Attempt {
  Operator op = Operator::kDraft;
  std::vector<NodeId> parents;
  int chain = 0;
  bool history_withheld = false;
  bool selected = false;  // else a number that nothing is known of
  std::optional<NodeId> node;
  std::optional<Outcome> outcome;  // nothing while in flight
  std::string reason;
};

// Append-only. Boost.Graph underneath; the descriptor is the NodeId, so the
// order of vertices is topological. Conductor thread.
class SolutionTree {
 public:
  using Graph = boost::adjacency_list<boost::vecS, boost::vecS,
                                      boost::bidirectionalS, Node, Edge>;

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

  // Of one chain: attempts on the root (Node::attempts counts all chains'),
  // those of them in flight, and attempts with an outcome in the order of
  // their first one.
  int RootAttempts(int chain) const;
  int RootInFlight(int chain) const;
  const std::vector<AttemptId>& Finished(int chain) const;
  // Was a merge of these two, either way round, ever selected?
  bool MergeTried(NodeId a, NodeId b) const;

  // First parent first. Children in the order of addition.
  std::vector<NodeId> Parents(NodeId id) const;
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
  NodeId Commit(AttemptId attempt, Node node,
                const std::vector<NodeId>& parents);
  void Finish(AttemptId attempt, Outcome outcome, std::string reason = {});
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

  Graph graph_;
  // Both by the attempt's number.
  std::deque<Attempt> attempts_;
  std::vector<NodeId> by_attempt_;
  std::int64_t selected_ = 0;
  std::vector<Chain> chains_;
  std::set<std::pair<NodeId, NodeId>> merges_;  // lower id first
};

}  // namespace coppice::search
