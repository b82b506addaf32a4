#include "search/abmcts.h"

#include <cmath>
#include <optional>

#include "search/policy_index.h"
#include "search/prelude.h"
#include "search/rewards.h"
#include "search/subtrees.h"

// AB-MCTS-A (Inoue et al., Wider or deeper?, arXiv 2503.04412, §3.2; constants
// of SEARCH.md §1 and §2.9). After the common prelude, from the root down:
//
//   at v a draw for GEN, from what was observed of the children of v, against
//   a draw for CONT, from what was observed below them; GEN wins: expand v
//   else go on at the child of greatest draw, from what was observed of it and
//   below it
//
// Observations are ranks in [0, 1], 0 for an attempt that failed. A draw is a
// mean from the Normal-inverse-chi-squared posterior of prior m 0, κ 1, ν 1,
// τ² .1 (Gelman et al., Bayesian Data Analysis, 3.3): after n observations of
// sum s and squares ss, m = s/(1+n), ντ² = .1 + ss − s²/(1+n), κ = ν = 1 + n.
// One in flight counts as an observation at m: it adds 1 to κ and to ν. The
// mean is then Student's t with ν degrees at m, scaled by √(τ²/κ).
//
// For a node with ten thousand children a step does not cost more: of children
// with the same number of observations (from 16 on the same class of it,
// visits.h) the 32 with the best in their subtrees are drawn for. As long as no
// more have the same number this is the published rule.

namespace coppice::search {
namespace {

constexpr double kPriorSpread = .1;  // ντ²
constexpr int kDrawnFor = 32;        // of a class

// Of the posterior; the draw is mean + scale·t.
struct Posterior {
  explicit Posterior(const Observed& seen)
      : degrees(1. + seen.count),
        mean(seen.sum / (1 + seen.count - seen.awaited)),
        scale(std::sqrt(kPriorSpread + seen.squares - mean * seen.sum) /
              degrees) {}
  double degrees;
  double mean;
  double scale;
};

// Marsaglia and Tsang, A simple method for generating gamma variables, 2000.
double ChiSquared(double degrees, Rng& rng) {
  if (degrees < 2) {
    const double z = rng.Normal();
    return z * z;
  }
  const double d = degrees / 2 - 1. / 3;
  const double c = 1 / std::sqrt(9 * d);
  while (true) {
    const double z = rng.Normal();
    const double w = 1 + c * z;
    if (w <= 0) continue;
    const double v = w * w * w;
    const double u = 1 - rng.Uniform();
    if (u < 1 - .0331 * z * z * z * z) return 2 * d * v;
    if (std::log(u) < z * z / 2 + d - d * v + d * std::log(v)) return 2 * d * v;
  }
}

double Draw(const Observed& seen, Rng& rng) {
  const Posterior posterior(seen);
  const double z = rng.Normal();
  const double chi = ChiSquared(posterior.degrees, rng);
  return posterior.mean +
         posterior.scale * z * std::sqrt(posterior.degrees / chi);
}

class Abmcts final : public Policy {
 public:
  explicit Abmcts(const spec::Spec& spec)
      : index_(spec, PolicyIndex::Root::kExpandable,
               PolicyIndex::Repairs::kCharged,
               {.forgot =
                    [this] {
                      subtrees_.Forget();
                      rewards_.Forget();
                    },
                .moved =
                    [this](const SolutionTree& tree, int chain, NodeId node,
                           const std::optional<Standing>& to) {
                      subtrees_.Move(tree, chain, node, to);
                      rewards_.Move(
                          chain, node,
                          to ? std::optional(to->score) : std::nullopt,
                          to ? to->in_flight : 0);
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
    const NodeId root = view.tree.root();
    subtrees_.Root(view.tree, view.chain);
    if (!MayGrow(view.tree[root])) {
      rewards_.Move(view.chain, root, std::nullopt,
                    view.tree.RootInFlight(view.chain));
    }
    rewards_.CatchUp(view.tree, view.chain);
    const NodeId node = Descend(view.chain, root, rng);
    return node == root ? Draft(view) : Improve(view, node);
  }

 private:
  NodeId Descend(int chain, NodeId at, Rng& rng) const {
    const bool exhausted = subtrees_.At(chain, at).open == 0;
    const Access wanted = exhausted ? Access::kExhausted : Access::kOpen;
    while (true) {
      const Subtrees::Spot& spot = subtrees_.At(chain, at);
      const bool own = spot.stands && spot.access == wanted;
      const bool alone = (exhausted ? spot.exhausted : spot.open) == own;
      if (alone) return at;
      if (own && Draw(rewards_.Made(chain, at), rng) >=
                     Draw(rewards_.Deeper(chain, at), rng)) {
        return at;
      }
      at = Child(chain, spot, exhausted, rng);
    }
  }

  NodeId Child(int chain, const Subtrees::Spot& spot, bool exhausted,
               Rng& rng) const {
    std::optional<NodeId> chosen;
    double most = 0;
    auto visit = [&](int, const Subtrees::Child& child) {
      const NodeId node(child.id);
      const double drawn = Draw(rewards_.Within(chain, node), rng);
      if (chosen && drawn <= most) return;
      chosen = node;
      most = drawn;
    };
    subtrees_.VisitChildren(spot, exhausted, kDrawnFor, visit);
    return *chosen;
  }

  Subtrees subtrees_{Subtrees::Backup::kBest};
  Rewards rewards_{subtrees_};
  PolicyIndex index_;
  Prelude prelude_;
};

}  // namespace

std::unique_ptr<Policy> MakeAbmcts(const spec::Spec& spec) {
  return std::make_unique<Abmcts>(spec);
}

}  // namespace coppice::search
