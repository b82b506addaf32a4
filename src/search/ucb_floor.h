#pragma once

#include <optional>
#include <set>
#include <unordered_map>

#include "base/ids.h"
#include "search/policy_index.h"
#include "search/ucb_clock.h"

namespace coppice::search {

// Which lineage of one chain is given a turn by the floor (SEARCH §2.1, rule
// 3): one with fewer than four attempts, the fewest first, or else the one of
// the greatest best + 2·(what it gained in its last eight attempts). Kept in
// order, so that a thousand roots cost no more than ten.
class LineageFloor {
 public:
  // Takes in what changed since; empties index.touched.
  void Update(ChainIndex& index, const UcbClock& clock);
  // Lineages with an open node only. Nothing: there is none.
  std::optional<NodeId> First() const;

 private:
  struct Claim {
    bool young = false;
    double worth = 0;  // of the others
    int attempts = 0;
    NodeId id;
    bool operator<(const Claim& other) const;  // comes first
    friend bool operator==(const Claim&, const Claim&) = default;
  };

  void Set(NodeId lineage, std::optional<Claim> claim);

  int edition_ = -1;
  std::unordered_map<NodeId, Claim> claims_;
  std::set<Claim> order_;
};

}  // namespace coppice::search
