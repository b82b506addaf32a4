#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <utility>

#include "base/ids.h"
#include "search/sorted_blocks.h"

namespace coppice::search {

enum class Access : std::uint8_t {
  kRanked,     // counts for the ranks of others; is not expanded itself
  kOpen,       // may be expanded
  kExhausted,  // may be expanded when no open node is left
};

// A measured node among its like. More score is better, whatever the
// direction of the metric.
struct Standing {
  double score = 0;
  int attempts = 0;
  int in_flight = 0;  // of the attempts
  Access access = Access::kOpen;
  friend bool operator==(const Standing&, const Standing&) = default;
};

// Nodes by score, with ranks, and again by their number of attempts: whatever
// a policy weighs, among nodes of equal attempts only the best can win.
class Ranking {
 public:
  using Place = std::pair<double, std::uint32_t>;      // score, id
  using Buckets = std::map<int, SortedBlocks<Place>>;  // by attempts

  // The node stood at `from` and stands at `to` now; nothing: not at all.
  void Move(NodeId node, const std::optional<Standing>& from,
            const std::optional<Standing>& to);

  std::size_t size() const { return order_.size(); }
  // Nodes below, and half of the others of the same score: 0 is the worst.
  double Midrank(double score) const;
  double best() const { return order_.back().first; }  // size() > 0
  double worst() const { return order_.front().first; }
  // Open nodes, or the exhausted ones when no open one is left.
  const Buckets& Selectable() const;
  bool AnyOpen() const { return !open_.empty(); }

  // Calls visit(node, score, attempts) for every selectable node that no
  // other equals in score with fewer attempts; fewest attempts first, scores
  // rising; the newest of equals.
  template <class Visit>
  void VisitFront(Visit visit) const {
    double seen = -std::numeric_limits<double>::infinity();
    for (const auto& [attempts, nodes] : Selectable()) {
      auto [score, id] = nodes.back();
      if (score <= seen) continue;
      seen = score;
      visit(NodeId(id), score, attempts);
    }
  }

 private:
  Buckets* BucketsOf(const std::optional<Standing>& standing);

  SortedBlocks<Place> order_;
  Buckets open_;
  Buckets exhausted_;
};

}  // namespace coppice::search
