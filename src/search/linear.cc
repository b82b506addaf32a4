#include "search/linear.h"

#include "search/policy_index.h"
#include "search/prelude.h"

// Keep or revert: every attempt improves the best of its chain, and becomes
// what the next one starts from only if it is better. It needs no index and
// keeps no state.

namespace coppice::search {
namespace {

class Linear final : public Policy {
 public:
  Linear(const spec::Spec& spec, int in_flight)
      : max_depth_(spec.search.max_depth), in_flight_(in_flight) {}

  void Changed(const SolutionTree&, NodeId) override {}

  std::optional<Expansion> Select(const ChainView& view, Rng&) override {
    if (!Begun(view) || view.in_flight >= in_flight_) return std::nullopt;
    // The user may have pruned the best.
    for (NodeId node : view.tree.PathToRoot(view.best)) {
      if (!MayGrow(view.tree[node])) continue;
      if (max_depth_ && view.tree[node].depth >= *max_depth_) {
        return std::nullopt;
      }
      return Improve(view, node);
    }
    if (!view.tree[view.tree.root()].value) return Draft(view);
    return std::nullopt;
  }

 private:
  const std::optional<int> max_depth_;
  const int in_flight_;
};

}  // namespace

std::unique_ptr<Policy> MakeLinear(const spec::Spec& spec, int in_flight) {
  return std::make_unique<Linear>(spec, in_flight);
}

}  // namespace coppice::search
