#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "search/ranking.h"
#include "search/tree.h"
#include "spec/spec.h"

namespace coppice::search {

// What a policy remembers of one node, so that a change told twice is seen
// once.
struct Remembered {
  std::optional<Standing> standing;
  // Attempts, as far as they are passed on, and attempts to repair what failed
  // below it; with those of them in flight.
  int counted = 0, counted_in_flight = 0;
  int charged = 0, charged_in_flight = 0;
  bool told = false;
  bool finished = false;
  bool improvable = false;
  bool debuggable = false;
  // The most that one of its last three children gained; none: fewer than
  // three, or not measured itself.
  std::optional<double> latest_gain;
};

struct Lineage {
  Ranking ranking;
  int attempts = 1;      // its draft, and every attempt on one of its nodes
  bool touched = false;  // stands in ChainIndex::touched
};

// The nodes of one chain, the root among them.
struct ChainIndex {
  Ranking ranking;
  // If they are kept: by the node at depth 1.
  std::unordered_map<NodeId, Lineage> lineages;
  // Lineages changed since somebody emptied this, and unmarked them.
  std::vector<NodeId> touched;
  SortedBlocks<std::uint32_t> debuggable;
  SortedBlocks<std::pair<double, NodeId>> latest_gains;
  double tau = 0;
  Remembered root;
};

// What the policies share: for every chain the measured nodes by rank and by
// attempts, the exhausted among them, lineages, and failed leaves. A function
// of the tree alone: telling changes twice, or all nodes of a finished tree
// once, ends in the same index.
class PolicyIndex {
 public:
  enum class Root { kExpandable, kRankedOnly };
  // Are attempts to repair a failed child charged to the node it grew from?
  enum class Repairs { kCharged, kFree };

  // Are the nodes ranked within their lineages too?
  enum class Lineages { kRanked, kNone };
  // Who keeps something beside the index that follows from standings.
  struct Watcher {
    // All standings are forgotten; those that still hold are told anew.
    std::function<void()> forgot;
    // A node stands at `to` now in a chain; nothing: not at all.
    std::function<void(const SolutionTree& tree, int chain, NodeId node,
                       const std::optional<Standing>& to)>
        moved;
  };

  PolicyIndex(const spec::Spec& spec, Root root, Repairs repairs,
              Watcher watcher = {}, Lineages lineages = Lineages::kNone);

  void Changed(const SolutionTree& tree, NodeId node);
  // The index of a chain under this τ.
  ChainIndex& At(const SolutionTree& tree, int chain, double tau);
  int sign() const { return sign_; }

 private:
  void Rebuild(const SolutionTree& tree);
  void AddChains(const SolutionTree& tree, int chain);
  void Update(const SolutionTree& tree, int chain, NodeId node);
  // Computes standing and debuggability anew and moves what changed.
  void Refresh(const SolutionTree& tree, int chain, NodeId node);
  void Refresh(const SolutionTree& tree, int chain, NodeId node,
               Lineage* lineage);
  // Marked as touched; none: the root, or lineages are not kept.
  Lineage* Touch(const SolutionTree& tree, int chain, NodeId node);
  void RefreshDebuggable(const SolutionTree& tree, ChainIndex& index,
                         NodeId node);
  std::optional<Standing> StandingOf(const SolutionTree& tree, int chain,
                                     NodeId node) const;
  std::optional<double> LatestGain(const SolutionTree& tree, int chain,
                                   NodeId node) const;
  std::optional<double> Gain(const SolutionTree& tree, double score,
                             NodeId child) const;
  ChainIndex& ChainOf(int chain);
  Remembered& Memory(int chain, NodeId node);
  int Attempts(const SolutionTree& tree, int chain, NodeId node) const;
  int InFlight(const SolutionTree& tree, int chain, NodeId node) const;

  const spec::Search search_;
  const int sign_;
  const Root root_;
  const Repairs repairs_;
  const Watcher watcher_;
  const bool lineages_;
  std::deque<ChainIndex> chains_;  // as many as were asked for
  std::vector<Remembered> nodes_;
};

// Measured, and allowed to grow children that improve on it.
bool MayGrow(const Node& node);
// Finished without becoming something to improve on.
bool Failed(const Node& node);
// The nearest ancestor that did not fail: what a failed node hangs off.
NodeId Anchor(const SolutionTree& tree, NodeId node);

}  // namespace coppice::search
