#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "search/ranking.h"
#include "search/tree.h"
#include "search/visits.h"

namespace coppice::search {

// What a descent from the root needs to know at every node of a chain: how
// often its subtree was visited, what is best in it, and which of its children
// lead to something that may be expanded. Children here hang off their anchor
// (policy_index.h): the repaired child of a failed one is the child of the node
// above it, and its attempts are that node's.
//
// A function of the tree alone; told by a PolicyIndex of every standing that
// changed. A change costs O(log n) for each node above it.
class Subtrees {
 public:
  // What a subtree is worth: its greatest score, or the mean of its scores.
  enum class Backup { kBest, kMean };
  // Children by class of visits, then by worth.
  using Classes = std::map<int, PlacedSet<Ranking::Place>>;

  struct Spot {
    std::uint32_t parent = 0;  // the anchor
    bool placed = false;       // the parent is known
    bool stands = false;
    Access access = Access::kRanked;
    int attempts = 0;  // on the node
    double score = 0;
    // Of the subtree, the node included.
    int visits = 1;  // 1 + attempts, failed and in flight ones too
    int open = 0;    // nodes that may be expanded
    int exhausted = 0;
    int scores = 0;  // for the mean of
    double sum = 0;
    double worth = -std::numeric_limits<double>::infinity();
    // Where the parent lists it; 0: nowhere.
    int listed_class = 0;
    double listed_worth = 0;
    std::unique_ptr<Classes> children;  // those listed
    // Left here by who asked for the rank of the worth: how many were better,
    // half of the equal ones included, under which worth and edition.
    mutable double above = 0;
    mutable double above_worth = 0;
    mutable int above_edition = -1;
  };

  explicit Subtrees(Backup backup) : backup_(backup) {}

  void Forget();
  void Move(const SolutionTree& tree, int chain, NodeId node,
            const std::optional<Standing>& to);
  // The root of a chain is a place to draft from, with a standing or without.
  void Root(const SolutionTree& tree, int chain);

  const Spot& At(int chain, NodeId node) const;
  // Another number: a score was lost, so that fewer may be better than a worth
  // than there were.
  int edition() const { return edition_; }
  // Children with an open node below or at them, or when `exhausted` those
  // with none but an exhausted one: visit(least visits of the class, members by
  // worth), fewest visits first.
  template <class Visit>
  void VisitChildren(const Spot& spot, bool exhausted, Visit visit) const {
    if (!spot.children) return;
    const int first = exhausted ? kExhausted : 0;
    auto at = spot.children->lower_bound(first);
    for (; at != spot.children->end(); ++at) {
      const int visits_class = at->first - first;
      if (visits_class >= kExhausted) return;
      visit(LeastVisits(visits_class), at->second);
    }
  }

 private:
  static constexpr int kExhausted = 1 << 20;

  // What becomes of a node, or of all that is below one.
  struct Change {
    int visits = 0, open = 0, exhausted = 0, scores = 0;
    bool score = false;       // of some node
    double from = 0, to = 0;  // of the worth
  };

  Spot& Of(const SolutionTree& tree, int chain, std::uint32_t node);
  void Put(const SolutionTree& tree, int chain, std::uint32_t node,
           const std::optional<Standing>& to);
  void Walk(const SolutionTree& tree, int chain, std::uint32_t node,
            Change change);
  void Weigh(const SolutionTree& tree, int chain, std::uint32_t node,
             Spot& spot, const Change& change);
  static void List(Spot& parent, std::uint32_t node, Spot& spot);

  const Backup backup_;
  int edition_ = 0;
  std::deque<Spot> roots_;  // by chain
  std::vector<Spot> nodes_;
};

}  // namespace coppice::search
