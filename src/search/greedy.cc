#include "search/greedy.h"

#include "search/policy_index.h"
#include "search/prelude.h"

// AIDE's rule: after the prelude, improve the best value.

namespace coppice::search {
namespace {

class Greedy final : public Policy {
 public:
  explicit Greedy(const spec::Spec& spec)
      : index_(spec, PolicyIndex::Root::kExpandable,
               PolicyIndex::Repairs::kFree),
        prelude_(spec) {}

  void Changed(const SolutionTree& tree, NodeId node) override {
    index_.Changed(tree, node);
    prelude_.Changed(tree, node);
  }

  std::optional<Expansion> Select(const ChainView& view, Rng& rng) override {
    if (!Begun(view)) return std::nullopt;
    const ChainIndex& index = index_.At(view.tree, view.chain, view.tau);
    if (auto first = prelude_.Select(view, index, rng)) return first;
    std::optional<NodeId> best;
    // Scores rise along the front.
    index.ranking.VisitFront([&](NodeId node, double, int) { best = node; });
    return best ? Improve(view, *best) : Draft(view);
  }

 private:
  PolicyIndex index_;
  Prelude prelude_;
};

}  // namespace

std::unique_ptr<Policy> MakeGreedy(const spec::Spec& spec) {
  return std::make_unique<Greedy>(spec);
}

}  // namespace coppice::search
