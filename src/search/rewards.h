#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "search/subtrees.h"
#include "search/tree.h"

namespace coppice::search {

// What was observed of one arm. An attempt that left nothing measured is an
// observation of 0; one in flight is awaited.
struct Observed {
  int count = 0;  // those awaited included
  int awaited = 0;
  double sum = 0;
  double squares = 0;
};

// Sums of q, the rank in [0, 1], over the subtrees of a chain, for abmcts.
//
// Every new score moves the ranks of all others. So ranks are taken among the
// nodes that had finished when there were F of them, and F grows in steps of a
// sixteenth (by one, up to 32): only then all sums are made anew. Which nodes
// those are follows from the order of finished attempts, so that the sums are a
// function of the tree alone. Sums are of whole numbers, 2^20 to 1: they do not
// depend on the order of addition.
class Rewards {
 public:
  explicit Rewards(const Subtrees& subtrees) : subtrees_(subtrees) {}

  void Forget();
  // After the subtrees were told. No score: it is none to improve on.
  void Move(int chain, NodeId node, std::optional<double> score, int in_flight);
  // Takes in what moved or finished; call before asking.
  void CatchUp(const SolutionTree& tree, int chain);

  Observed Made(int chain, NodeId node) const;    // children of the node
  Observed Deeper(int chain, NodeId node) const;  // what grew below those
  Observed Within(int chain, NodeId node) const;  // the node and all below it

 private:
  struct Sums {
    std::int64_t sum = 0;
    std::int64_t squares = 0;
  };
  struct Spot {
    bool known = false;
    bool ranked = false;  // among those that ranks are taken of
    std::optional<double> score;
    int in_flight = 0;  // on the node
    int awaited = 0;    // in the subtree
    std::int64_t q = 0;
    Sums children;
    Sums subtree;
  };
  struct Chain {
    Spot root;
    std::vector<std::uint32_t> nodes;    // all that are known
    std::vector<std::uint32_t> changed;  // their q may be another
    bool stale = true;                   // ranks are to be taken anew
    std::size_t ranked = 0;              // F
    std::vector<std::uint32_t> among;    // those ranked
    std::vector<double> scores;          // of them, rising
  };

  Spot& Of(int chain, std::uint32_t node);
  const Spot& At(int chain, std::uint32_t node) const;
  void Know(Chain& own, int chain, std::uint32_t node);
  void Renew(const SolutionTree& tree, int chain, Chain& own);
  void Weigh(int chain, const Chain& own, std::uint32_t node);
  static std::int64_t Rank(const Chain& own, const Spot& spot);
  static Observed Told(int count, int awaited, const Sums& sums);
  static void Add(Sums& sums, std::int64_t q, int sign);

  const Subtrees& subtrees_;
  std::map<int, Chain> chains_;
  std::vector<Spot> nodes_;
};

}  // namespace coppice::search
