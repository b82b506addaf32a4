#include "search/beam.h"

#include <algorithm>
#include <set>
#include <utility>

#include "search/policy_index.h"
#include "search/prelude.h"

// The frontier is the beam_width best nodes among those with fewer than
// branching_factor attempts; of them the one with fewest attempts is expanded,
// then the best. There is no barrier between levels: a node that has had its
// attempts leaves and the next best enters, however far back it lies.

namespace coppice::search {
namespace {

class Beam final : public Policy {
 public:
  explicit Beam(const spec::Spec& spec)
      : width_(static_cast<std::size_t>(std::max(1, spec.search.beam_width))),
        branching_(spec.search.branching_factor),
        index_(spec, PolicyIndex::Root::kExpandable,
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
    const std::optional<NodeId> node = Next(index.ranking);
    return node ? Improve(view, *node) : Draft(view);
  }

 private:
  // Each number of attempts offers its best; what the frontier holds beyond
  // its width falls out at the low end.
  std::optional<NodeId> Next(const Ranking& ranking) const {
    std::set<std::pair<Ranking::Place, int>> frontier;
    for (const auto& [attempts, nodes] : ranking.Selectable()) {
      if (attempts >= branching_) break;
      std::size_t offered = 0;
      for (auto it = nodes.rbegin(); it != nodes.rend(); ++it) {
        if (++offered > width_) break;
        frontier.emplace(*it, attempts);
        if (frontier.size() > width_) frontier.erase(frontier.begin());
      }
    }
    const std::pair<Ranking::Place, int>* chosen = nullptr;
    for (const auto& entry : frontier) {  // scores rising
      if (!chosen || entry.second <= chosen->second) chosen = &entry;
    }
    if (!chosen) return std::nullopt;
    return NodeId(chosen->first.second);
  }

  const std::size_t width_;
  const int branching_;
  PolicyIndex index_;
  Prelude prelude_;
};

}  // namespace

std::unique_ptr<Policy> MakeBeam(const spec::Spec& spec) {
  return std::make_unique<Beam>(spec);
}

}  // namespace coppice::search
