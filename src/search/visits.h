#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <vector>

#include "search/policy_index.h"
#include "search/tree.h"

namespace coppice::search {

// Numbers of visits told apart up to kExactVisits, and from there in steps of
// a quarter of their power of two: a node that is visited often changes its
// class but rarely.
inline constexpr int kExactVisits = 16;

constexpr int VisitsClass(int visits) {
  if (visits < kExactVisits) return visits;
  const auto v = static_cast<unsigned>(visits);
  const int power = std::bit_width(v) - 1;
  return kExactVisits + 4 * (power - 4) +
         static_cast<int>((v >> (power - 2)) & 3);
}

// The least number of its class.
constexpr int LeastVisits(int visits_class) {
  if (visits_class < kExactVisits) return visits_class;
  const int steps = visits_class - kExactVisits;
  return (4 + steps % 4) << (steps / 4 + 2);
}

// One more than the class of the greatest number.
inline constexpr int kVisitsClasses =
    VisitsClass(std::numeric_limits<int>::max()) + 1;

// Calls visit(node) for the children of a node that did not fail, and for those
// of its failed children: the nodes whose anchor it is, and maybe others.
template <class Visit>
void VisitChildren(const SolutionTree& tree, std::uint32_t node, Visit visit) {
  std::vector<std::uint32_t> through{node};
  while (!through.empty()) {
    const std::uint32_t at = through.back();
    through.pop_back();
    auto [edge, end] = boost::out_edges(at, tree.graph());
    for (; edge != end; ++edge) {
      const auto child =
          static_cast<std::uint32_t>(boost::target(*edge, tree.graph()));
      if (Failed(tree[NodeId(child)])) {
        through.push_back(child);
      } else {
        visit(child);
      }
    }
  }
}

}  // namespace coppice::search
