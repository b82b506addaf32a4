#include "search/uct.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "search/policy_index.h"
#include "search/prelude.h"
#include "search/subtrees.h"

// UCT (Kocsis and Szepesvári, Bandit based Monte-Carlo planning, 2006) with
// ranks, the greatest of a subtree backed up, and progressive widening (Coulom
// 2007; SEARCH.md §2.7). After the common prelude, from the root down:
//
//   at v, while attempts on v < √n_v: expand v
//   else go on at the child c of greatest
//       V_c + exploration·√(ln n_v / n_c)
//
// V_c is the greatest (midrank + ½)/m in the subtree of c; n counts a node and
// all attempts in its subtree: failed ones and repairs, which have no value,
// and those in flight (WU-UCT: in N only, no losses are made up). Nodes that
// may not be expanded are not; subtrees without any other are not entered, nor
// those with none but exhausted nodes while there is another.
//
// n_c is told exactly up to 16 and then in steps of a quarter of its power of
// two (visits.h). Of the children with the same n_c only the best can win, so
// that a step costs O(log n) for a node with ten thousand children.

namespace coppice::search {
namespace {

class Uct final : public Policy {
 public:
  Uct(const spec::Spec& spec, const UctOptions& options)
      : options_(options),
        subtrees_(mean() ? Subtrees::Backup::kMean : Subtrees::Backup::kBest),
        index_(spec, PolicyIndex::Root::kExpandable,
               PolicyIndex::Repairs::kCharged,
               {.forgot = [this] { subtrees_.Forget(); },
                .moved =
                    [this](const SolutionTree& tree, int chain, NodeId node,
                           const std::optional<Standing>& to) {
                      subtrees_.Move(tree, chain, node, Narrowed(to));
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
    subtrees_.Root(view.tree, view.chain);
    const NodeId node = Descend(view, index.ranking);
    return node == view.tree.root() ? Draft(view) : Improve(view, node);
  }

 private:
  using Spot = Subtrees::Spot;
  struct Candidate {
    NodeId node;
    double bonus = 0;
    double bound = 0;    // of V + bonus
    bool known = false;  // the bound is what it is
  };

  bool mean() const {
    return options_.backup == UctOptions::Backup::kMeanScore;
  }
  bool ranks() const {
    return options_.backup == UctOptions::Backup::kBestRank;
  }

  NodeId Descend(const ChainView& view, const Ranking& ranking) const {
    NodeId at = view.tree.root();
    const bool exhausted = subtrees_.At(view.chain, at).open == 0;
    const Access wanted = exhausted ? Access::kExhausted : Access::kOpen;
    double value = Value(subtrees_.At(view.chain, at), ranking);
    while (true) {
      const Spot& spot = subtrees_.At(view.chain, at);
      if (spot.stands && spot.access == wanted && Widens(spot)) return at;
      const std::optional<NodeId> child =
          BestChild(view.chain, spot, exhausted, ranking, value);
      if (!child) return at;
      at = *child;
    }
  }

  // A node that has had its children is not expanded again.
  std::optional<Standing> Narrowed(std::optional<Standing> to) const {
    if (options_.width > 0 && to && to->attempts >= options_.width) {
      to->access = Access::kRanked;
    }
    return to;
  }

  bool Widens(const Spot& spot) const {
    return options_.width > 0 || spot.attempts < std::sqrt(spot.visits);
  }

  // `value` is that of the node, and becomes that of its child. Ties go to
  // fewer visits, then to the newer.
  std::optional<NodeId> BestChild(int chain, const Spot& spot, bool exhausted,
                                  const Ranking& ranking, double& value) const {
    const double log = std::log(spot.visits);
    std::vector<Candidate>& candidates = candidates_;
    candidates.clear();
    double seen = -std::numeric_limits<double>::infinity();
    auto visit = [&](int visits, const auto& members) {
      const auto [worth, id] = *members.rbegin();
      if (worth <= seen) return;  // fewer visits, and as good
      seen = worth;
      const Spot& child = subtrees_.At(chain, NodeId(id));
      const double bonus = options_.exploration * std::sqrt(log / visits);
      const bool known = worth == spot.worth;
      candidates.push_back(
          {.node = NodeId(id),
           .bonus = bonus,
           .bound = bonus + (known ? value : AtMost(child, ranking)),
           .known = known});
    };
    subtrees_.VisitChildren(spot, exhausted, visit);
    if (candidates.empty()) return std::nullopt;
    // The most promising are told first; among equals those less visited,
    // which stand in front.
    while (true) {
      Candidate& first =
          *std::ranges::max_element(candidates, {}, &Candidate::bound);
      if (!first.known) {
        first.known = true;
        first.bound =
            first.bonus + Value(subtrees_.At(chain, first.node), ranking);
        continue;
      }
      value = first.bound - first.bonus;
      return first.node;
    }
  }

  // Nodes that are added only push others down.
  double AtMost(const Spot& spot, const Ranking& ranking) const {
    const bool known = ranks() && spot.above_worth == spot.worth &&
                       spot.above_edition == subtrees_.edition();
    const auto size = static_cast<double>(ranking.size());
    return known ? 1 - spot.above / size : 1;
  }

  double Value(const Spot& spot, const Ranking& ranking) const {
    if (!ranks()) {
      const double range = ranking.best() - ranking.worst();
      return range > 0 ? (spot.worth - ranking.worst()) / range : .5;
    }
    const auto size = static_cast<double>(ranking.size());
    spot.above = size - .5 - ranking.Midrank(spot.worth);
    spot.above_worth = spot.worth;
    spot.above_edition = subtrees_.edition();
    return 1 - spot.above / size;
  }

  const UctOptions options_;
  mutable std::vector<Candidate> candidates_;  // room
  Subtrees subtrees_;
  PolicyIndex index_;
  Prelude prelude_;
};

}  // namespace

std::unique_ptr<Policy> MakeUct(const spec::Spec& spec,
                                const UctOptions& options) {
  return std::make_unique<Uct>(spec, options);
}

}  // namespace coppice::search
