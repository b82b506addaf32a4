#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <tuple>
#include <type_traits>
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
  static constexpr std::uint32_t kNone =
      std::numeric_limits<std::uint32_t>::max();

 public:
  // What a subtree is worth: its greatest score, or the mean of its scores.
  enum class Backup { kBest, kMean };
  // A child as its parent lists it: by class of visits, then by worth.
  struct Child {
    int visits_class = 0;
    std::uint32_t id = 0;
    double worth = -std::numeric_limits<double>::infinity();
    // Left here by who asked for the rank of the worth: how many were better,
    // half of the equal ones included, under which edition.
    mutable double above = 0;
    mutable int above_edition = -1;
    friend bool operator<(const Child& a, const Child& b) {
      return std::tie(a.visits_class, a.worth, a.id) <
             std::tie(b.visits_class, b.worth, b.id);
    }
  };
  using Children = SortedBlocks<Child>;

  // A line of cache: a descent and a walk look at one at every level.
  struct alignas(64) Spot {
    Children children;  // those listed
    // Of the subtree, the node included.
    double worth = -std::numeric_limits<double>::infinity();
    int visits = 1;  // 1 + attempts, failed and in flight ones too
    // Of the node and its children, those that are or lead to a node that may
    // be expanded, and to an exhausted one.
    int open = 0;
    int exhausted = 0;
    int attempts = 0;               // on the node
    std::uint32_t parent = kNone;   // the anchor, once it is known
    std::int16_t listed_class = 0;  // where the parent lists it; 0: nowhere
    bool stands = false;
    Access access = Access::kRanked;
  };
  static_assert(sizeof(Spot) == 64);

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
  // with none but an exhausted one: visit(class of visits, child) for
  // the best `most` of each class, best first; fewest visits first.
  template <class Visit>
  void VisitChildren(const Spot& spot, bool exhausted, int most,
                     Visit visit) const {
    const Children& children = spot.children;
    const int first = exhausted ? kExhausted : 0;
    const auto few = children.Few();
    const auto after = [&](auto at) {
      const int visits_class = at->visits_class;
      if constexpr (std::is_pointer_v<decltype(at)>) {
        do ++at;
        while (at != few.data() + few.size() &&
               at->visits_class == visits_class);
        return at;
      } else {
        return children.LowerBound({.visits_class = visits_class + 1});
      }
    };
    const auto visit_classes = [&](auto at, auto end) {
      while (at != end && at->visits_class < first + kExhausted) {
        const auto next = after(at);
        auto child = next;
        for (int left = most; left > 0 && child != at; --left) {
          --child;
          if (child->visits_class >= first) {
            visit(child->visits_class - first, *child);
          }
        }
        at = next;
      }
    };
    if (few.empty()) {
      visit_classes(children.LowerBound({.visits_class = first}),
                    children.end());
    } else {
      visit_classes(few.data(), few.data() + few.size());
    }
  }

 private:
  static constexpr int kExhausted = 1 << 10;
  static_assert(kExhausted > kVisitsClasses);

  // What a walk seldom needs.
  struct Score {
    double own = 0;
    double sum = 0;  // of the subtree, for the mean
    int count = 0;
  };

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
  Score& ScoreOf(int chain, std::uint32_t node);
  void Weigh(const SolutionTree& tree, int chain, std::uint32_t node,
             Spot& spot, const Change& change);
  // `before` was the worth that it was listed with.
  static void List(Spot& parent, std::uint32_t node, Spot& spot, double before);

  const Backup backup_;
  int edition_ = 0;
  std::deque<Spot> roots_;  // by chain
  std::deque<Score> root_scores_;
  std::vector<Spot> nodes_;
  std::vector<Score> scores_;
};

}  // namespace coppice::search
