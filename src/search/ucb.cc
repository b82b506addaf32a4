#include "search/ucb.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "search/policy_index.h"
#include "search/prelude.h"
#include "search/ucb_clock.h"
#include "search/ucb_floor.h"

// Rank-UCB with a lineage floor (SEARCH.md §2.1), after the common prelude:
//
//   1. new roots while there are fewer than widening·√(T+1)·(½ + x)
//   2. with probability .10 + .15x, the floor: a lineage with fewer than four
//      attempts, or the one that is high or rising; in it the node of greatest
//      rank in the lineage + .15·√(ln(1+n) / (1+e))
//   3. else the node of greatest logit(rank) + C·√(ln(1+T) / (1+e))
//
// x in [0, 1] is stagnation, C goes from calm to restless with it. T counts
// attempts of the chain, n of the lineage, e of the node, all with what
// failed, what is in flight and repairs of failed children. Only ranks of
// scores enter 1 and 3; 2 needs their scale.
//
// In 2 and 3 nodes of equal e differ by rank alone, so only the front of the
// ranking is weighed: a choice costs as many steps as there are different e.

namespace coppice::search {
namespace {

constexpr double kFloorShare = .10;
constexpr double kFloorShareByStagnation = .15;
constexpr double kSpreadInLineage = .15;

double Bonus(double attempts_in_all, int attempts_on_node) {
  return std::sqrt(std::log(1 + attempts_in_all) / (1 + attempts_on_node));
}

class Ucb final : public Policy {
 public:
  Ucb(const spec::Spec& spec, const UcbOptions& options)
      : options_(options),
        index_(spec, PolicyIndex::Root::kRankedOnly,
               PolicyIndex::Repairs::kCharged, {},
               options.floor ? PolicyIndex::Lineages::kRanked
                             : PolicyIndex::Lineages::kNone),
        prelude_(spec) {}

  void Changed(const SolutionTree& tree, NodeId node) override {
    index_.Changed(tree, node);
    prelude_.Changed(tree, node);
    if (node == tree.root()) {
      for (auto& [chain, own] : chains_) own.clock.Changed(tree, node);
    } else if (auto own = chains_.find(tree[node].chain);
               own != chains_.end()) {
      own->second.clock.Changed(tree, node);
    }
  }

  std::optional<Expansion> Select(const ChainView& view, Rng& rng) override {
    if (!Begun(view)) return std::nullopt;
    ChainIndex& index = index_.At(view.tree, view.chain, view.tau);
    if (auto first = prelude_.Select(view, index, rng)) return first;

    auto& [clock, floor] =
        chains_
            .try_emplace(view.chain,
                         UcbClock(view.chain, index_.sign(), options_.eps))
            .first->second;
    clock.CatchUp(view.tree);
    const double x = Stagnation(clock);
    const double total = view.finished + view.in_flight;
    if (view.tree.RootAttempts(view.chain) <
        options_.widening * std::sqrt(total + 1) * (.5 + x)) {
      return Draft(view);
    }
    std::optional<NodeId> node;
    if (options_.floor &&
        rng.Chance(kFloorShare + kFloorShareByStagnation * x)) {
      floor.Update(index, clock);
      if (auto lineage = floor.First()) {
        node = InLineage(index.lineages.at(*lineage));
      }
    }
    if (!node) {
      const double c = options_.calm + (options_.restless - options_.calm) * x;
      node = Anywhere(index.ranking, c, total);
    }
    return node ? Improve(view, *node) : Draft(view);
  }

 private:
  struct Chain {
    UcbClock clock;
    LineageFloor floor;
  };

  double Stagnation(const UcbClock& clock) const {
    const double last = clock.last_progress();
    const double patience =
        std::max(options_.patience, options_.patience_share * last);
    return std::min(1.0, (clock.finished() - last) / patience);
  }

  static std::optional<NodeId> Anywhere(const Ranking& ranking, double c,
                                        double total) {
    const auto size = static_cast<double>(ranking.size());
    std::optional<NodeId> chosen;
    double most = 0;
    ranking.VisitFront([&](NodeId node, double score, int attempts) {
      const double rank = (ranking.Midrank(score) + .5) / size;
      const double worth =
          std::log(rank / (1 - rank)) + c * Bonus(total, attempts);
      if (chosen && worth <= most) return;
      chosen = node;
      most = worth;
    });
    return chosen;
  }

  static std::optional<NodeId> InLineage(const Lineage& lineage) {
    const Ranking& ranking = lineage.ranking;
    const auto size = static_cast<double>(ranking.size());
    std::optional<NodeId> chosen;
    double most = 0;
    ranking.VisitFront([&](NodeId node, double score, int attempts) {
      const double worth = (ranking.Midrank(score) + .5) / size +
                           kSpreadInLineage * Bonus(lineage.attempts, attempts);
      if (chosen && worth <= most) return;
      chosen = node;
      most = worth;
    });
    return chosen;
  }

  const UcbOptions options_;
  PolicyIndex index_;
  Prelude prelude_;
  std::map<int, Chain> chains_;  // once they asked
};

}  // namespace

UcbOptions UcbOptionsOf(const spec::Search& search) {
  UcbOptions options{.calm = search.exploration.first,
                     .restless = search.exploration.second,
                     .floor = search.lineage_floor};
  if (!options.floor) options.widening = 1.5;
  return options;
}

std::unique_ptr<Policy> MakeUcb(const spec::Spec& spec,
                                const UcbOptions& options) {
  return std::make_unique<Ucb>(spec, options);
}

}  // namespace coppice::search
