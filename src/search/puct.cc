#include "search/puct.h"

#include <cmath>
#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "search/path_rooms.h"
#include "search/policy_index.h"
#include "search/prelude.h"
#include "search/visits.h"

// PUCT over all nodes, as TTT-Discover reuses states (arXiv 2601.16175; the
// formula of SEARCH.md §1), with ranks instead of raw scores. After the common
// prelude the node of greatest
//
//   Q + c·P·√(1 + T) / (1 + n)
//
// Q is the rank, (midrank + ½)/m, of its best child, or its own if it has
// none. P falls linearly with its own rank and sums to 1 over all nodes. n
// counts the attempts on it and all its descendants, T those of the chain:
// what failed, repairs, and what is in flight, which nothing else counts.
// TTT-Discover keeps the nodes of one batch off each other's lineages; here a
// choice is made whenever a place is free, and every batch is of one.
//
// 1 + n is told exactly up to 16 and then in steps of a quarter of its power of
// two (visits.h). Nodes are kept by that number, and by Q: of each number they
// are gone through from the best down until what is left could not win with the
// greatest P of all. Trees get thousands of levels deep: an attempt looks only
// at those above it whose class changes (path_rooms.h).

namespace coppice::search {
namespace {

constexpr double kNothing = -std::numeric_limits<double>::infinity();

class Puct final : public Policy {
 public:
  Puct(const spec::Spec& spec, const PuctOptions& options)
      : options_(options),
        index_(spec, PolicyIndex::Root::kExpandable,
               PolicyIndex::Repairs::kCharged,
               {.forgot =
                    [this] {
                      chains_.clear();
                      spots_.clear();
                    },
                .moved =
                    [this](const SolutionTree& tree, int chain, NodeId node,
                           const std::optional<Standing>& to) {
                      Move(tree, chain, node, to);
                    }}),
        prelude_(spec) {}

  void Changed(const SolutionTree& tree, NodeId node) override {
    index_.Changed(tree, node);
    prelude_.Changed(tree, node);
  }

  std::optional<Expansion> Select(const ChainView& view, Rng& rng) override {
    if (!Begun(view)) return std::nullopt;
    const ChainIndex& index = index_.At(view.tree, view.chain, view.tau);
    if (auto first = prelude_.Select(view, index, rng)) return first;
    const std::optional<NodeId> node = Best(view, index.ranking);
    if (!node || *node == view.tree.root()) return Draft(view);
    return Improve(view, *node);
  }

 private:
  // Q as a score, own score, id.
  using Listing = std::tuple<double, double, std::uint32_t>;
  using Classes = std::map<int, SortedBlocks<Listing>>;  // by class of 1 + n

  struct Spot {
    std::uint32_t parent = 0;               // the anchor
    std::uint32_t path = PathRooms::kNone;  // its number there, once placed
    int visits_class = 1;                   // of 1 + n
    std::optional<Standing> standing;
    double best_child = kNothing;
    // Where it is listed.
    Classes* classes = nullptr;
    int listed_class = 0;
    Listing listing;
  };
  // The room of a node: visits until it is of the next class.
  struct Chain {
    Classes open;
    Classes exhausted;
    Spot root;
    PathRooms paths;
    std::vector<std::uint32_t> nodes;  // by number in paths
  };

  Spot& SpotOf(Chain& own, std::uint32_t node) {
    return node == 0 ? own.root : spots_[node];
  }

  void Move(const SolutionTree& tree, int chain, NodeId id,
            const std::optional<Standing>& to) {
    Chain& own = chains_[chain];
    Place(tree, own, id.value());
    Spot& spot = SpotOf(own, id.value());
    const double before = spot.standing ? spot.standing->score : kNothing;
    const double now = to ? to->score : kNothing;
    const int more =
        (to ? to->attempts : 0) - (spot.standing ? spot.standing->attempts : 0);
    spot.standing = to;
    List(own, id.value());
    if (more != 0) Visit(own, id.value(), more);
    if (id.value() != 0 && before != now) Score(tree, own, id, before, now);
  }

  // Finds the anchors of a node, up to the root.
  void Place(const SolutionTree& tree, Chain& own, std::uint32_t node) {
    if (node >= spots_.size()) spots_.resize(tree.size());
    std::vector<std::uint32_t> placed;
    while (SpotOf(own, node).path == PathRooms::kNone) {
      placed.push_back(node);
      if (node == 0) break;
      node = spots_[node].parent = Anchor(tree, NodeId(node)).value();
    }
    for (; !placed.empty(); placed.pop_back()) {
      const std::uint32_t at = placed.back();
      Spot& spot = SpotOf(own, at);
      spot.path = own.paths.Add(
          at == 0 ? PathRooms::kNone : SpotOf(own, spot.parent).path, 1);
      own.nodes.push_back(at);
    }
  }

  void Visit(Chain& own, std::uint32_t node, int more) {
    auto renew = [&](std::uint32_t path, int room) {
      const std::uint32_t at = own.nodes[path];
      Spot& spot = SpotOf(own, at);
      const int visits = LeastVisits(spot.visits_class + 1) - room;
      spot.visits_class = VisitsClass(visits);
      List(own, at);
      return LeastVisits(spot.visits_class + 1) - visits;
    };
    const std::uint32_t path = SpotOf(own, node).path;
    own.paths.Take(path, more, renew);
    if (more < 0) own.paths.RenewPath(path, renew);
  }

  void Score(const SolutionTree& tree, Chain& own, NodeId id, double before,
             double now) {
    const std::uint32_t node = spots_[id.value()].parent;
    Spot& parent = SpotOf(own, node);
    if (now >= parent.best_child) {
      parent.best_child = now;
    } else if (before == parent.best_child) {
      parent.best_child = kNothing;
      VisitChildren(tree, node, [&](std::uint32_t child) {
        if (child >= spots_.size() || spots_[child].parent != node) return;
        const auto& standing = spots_[child].standing;
        if (!standing || tree[NodeId(child)].chain != tree[id].chain) return;
        parent.best_child = std::max(parent.best_child, standing->score);
      });
    }
    List(own, node);
  }

  void List(Chain& own, std::uint32_t node) {
    Spot& spot = SpotOf(own, node);
    Classes* classes = nullptr;
    Listing listing;
    if (spot.standing && spot.standing->access != Access::kRanked) {
      classes =
          spot.standing->access == Access::kOpen ? &own.open : &own.exhausted;
      const double score = spot.standing->score;
      listing = {spot.best_child == kNothing ? score : spot.best_child, score,
                 node};
    }
    const bool same =
        classes == spot.classes &&
        (classes == nullptr ||
         (spot.visits_class == spot.listed_class && listing == spot.listing));
    if (!same) Relist(spot, classes, listing);
  }

  static void Relist(Spot& spot, Classes* classes, const Listing& listing) {
    if (spot.classes != nullptr) {
      auto known = spot.classes->find(spot.listed_class);
      known->second.Erase(spot.listing);
      if (known->second.empty()) spot.classes->erase(known);
    }
    spot.classes = classes;
    spot.listed_class = spot.visits_class;
    spot.listing = listing;
    if (classes != nullptr) (*classes)[spot.listed_class].Insert(listing);
  }

  // Ties go to fewer attempts, then to the newer.
  std::optional<NodeId> Best(const ChainView& view, const Ranking& ranking) {
    const Chain& chain = chains_[view.chain];
    const Classes& classes = chain.open.empty() ? chain.exhausted : chain.open;
    const auto size = static_cast<double>(ranking.size());
    const bool ranks = options_.scale == PuctOptions::Scale::kRanks;
    const double scale = options_.exploration *
                         (ranks ? 1 : ranking.best() - ranking.worst()) *
                         std::sqrt(1. + view.finished + view.in_flight) * 2 /
                         (size * (size + 1));
    std::optional<NodeId> chosen;
    double most = kNothing;
    for (const auto& [visits_class, members] : classes) {
      const double bonus = scale * size / LeastVisits(visits_class);
      for (auto it = members.rbegin(); it != members.rend(); ++it) {
        const auto& [best, own, id] = *it;
        // Of the same n and Q the first is best.
        if (it != members.rbegin() && best == std::get<0>(*std::prev(it))) {
          it = std::prev(std::make_reverse_iterator(
              members.LowerBound({best, kNothing, 0})));
          continue;
        }
        const double rank = ranking.Midrank(best);
        const double value = ranks ? (rank + .5) / size : best;
        if (value + bonus <= most) break;
        const double prior = (own == best ? rank : ranking.Midrank(own)) + 1;
        const double sum = value + bonus * prior / size;
        if (sum <= most) continue;
        chosen = NodeId(id);
        most = sum;
      }
    }
    return chosen;
  }

  const PuctOptions options_;
  PolicyIndex index_;
  Prelude prelude_;
  std::map<int, Chain> chains_;
  std::vector<Spot> spots_;  // by node
};

}  // namespace

std::unique_ptr<Policy> MakePuct(const spec::Spec& spec,
                                 const PuctOptions& options) {
  return std::make_unique<Puct>(spec, options);
}

}  // namespace coppice::search
