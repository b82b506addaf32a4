#include "search/uct.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>

#include "search/policy_index.h"
#include "search/prelude.h"
#include "search/subtrees.h"
#include "search/visits.h"

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

// Most of a descent goes by these.
constexpr std::size_t kTold = 8192;
struct Roots {
  std::array<double, kTold> of_logs{};           // by number
  std::array<double, kVisitsClasses> inverse{};  // by class of visits
};

const Roots& TheRoots() {
  static const auto roots = [] {
    auto made = std::make_unique<Roots>();
    for (std::size_t v = 1; v < kTold; ++v) {
      made->of_logs[v] = std::sqrt(std::log(static_cast<double>(v)));
    }
    for (int c = 1; c < kVisitsClasses; ++c) {
      made->inverse[static_cast<std::size_t>(c)] =
          1 / std::sqrt(LeastVisits(c));
    }
    return made;
  }();
  return *roots;
}

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
  using Child = Subtrees::Child;
  struct Candidate {
    const Child* child;
    double bonus;
    double bound;  // of V + bonus
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
    double value = Value(subtrees_.At(view.chain, at).worth, ranking);
    while (true) {
      const Spot& spot = subtrees_.At(view.chain, at);
      if (spot.stands && spot.access == wanted && Widens(spot)) return at;
      const std::optional<NodeId> child =
          BestChild(spot, exhausted, ranking, value);
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
    return options_.width > 0 ||
           std::int64_t{spot.attempts} * spot.attempts < spot.visits;
  }

  // `value` is that of the node, and becomes that of its child. Ties go to
  // fewer visits, then to the newer.
  std::optional<NodeId> BestChild(const Spot& spot, bool exhausted,
                                  const Ranking& ranking, double& value) const {
    const double spread = Spread(spot.visits);
    const double share = 1 / static_cast<double>(ranking.size());
    std::array<Candidate, kVisitsClasses> candidates;
    std::size_t count = 0;
    double seen = -std::numeric_limits<double>::infinity();
    auto visit = [&](int visits_class, const Child& child) {
      if (child.worth <= seen) return;  // fewer visits, and as good
      seen = child.worth;
      const double bonus =
          spread * roots_.inverse[static_cast<std::size_t>(visits_class)];
      candidates[count++] = {.child = &child,
                             .bonus = bonus,
                             .bound = bonus + AtMost(child, share)};
    };
    subtrees_.VisitChildren(spot, exhausted, 1, visit);
    if (count == 0) return std::nullopt;
    // The last has the greatest V, mostly that of the node, and mostly wins.
    const Candidate* chosen = &candidates[count - 1];
    double exact = chosen->child->worth == spot.worth
                       ? value
                       : Value(*chosen->child, ranking, share);
    double most = chosen->bonus + exact;
    for (std::size_t i = count - 1; i-- > 0;) {
      const Candidate& other = candidates[i];
      if (other.bound < most) continue;
      const double v = Value(*other.child, ranking, share);
      if (other.bonus + v < most) continue;
      chosen = &other;
      exact = v;
      most = other.bonus + v;
    }
    value = exact;
    return NodeId(chosen->child->id);
  }

  // Nodes that are added only push others down. `share` is 1/m.
  double AtMost(const Child& child, double share) const {
    const bool known = ranks() && child.above_edition == subtrees_.edition();
    return known ? 1 - child.above * share : 1;
  }

  double Value(const Child& child, const Ranking& ranking, double share) const {
    if (!ranks()) return Value(child.worth, ranking);
    child.above = Above(child.worth, ranking);
    child.above_edition = subtrees_.edition();
    return 1 - child.above * share;
  }

  double Value(double worth, const Ranking& ranking) const {
    if (ranks()) {
      return 1 - Above(worth, ranking) / static_cast<double>(ranking.size());
    }
    const double range = ranking.best() - ranking.worst();
    return range > 0 ? (worth - ranking.worst()) / range : .5;
  }

  static double Above(double worth, const Ranking& ranking) {
    return static_cast<double>(ranking.size()) - .5 - ranking.Midrank(worth);
  }

  double Spread(int visits) const {
    const auto v = static_cast<std::size_t>(visits);
    return options_.exploration *
           (v < kTold ? roots_.of_logs[v] : std::sqrt(std::log(visits)));
  }

  const UctOptions options_;
  const Roots& roots_ = TheRoots();
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
