#include "search/rank.h"

#include <cmath>
#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "search/policy_index.h"
#include "search/prelude.h"

// Sampling by rank (SEARCH.md §2.6), after the common prelude: one time in ten
// a draft, else the i-th best of the nodes that may be improved with a
// probability in proportion to 1/i². Among equals the one with fewer attempts,
// those in flight counted, stands higher, then the newer.
//
// i is drawn by rejection (Devroye, Non-uniform random variate generation,
// 1986, X.6.1): ⌊1/u⌋ is i with probability 1/(i(i+1)), and is kept with
// (i+1)/(2i), and again as long as there is no i-th.

namespace coppice::search {
namespace {

constexpr double kDraftShare = .1;

class Rank final : public Policy {
 public:
  explicit Rank(const spec::Spec& spec)
      : index_(spec, PolicyIndex::Root::kRankedOnly,
               PolicyIndex::Repairs::kCharged,
               {.forgot =
                    [this] {
                      chains_.clear();
                      places_.clear();
                    },
                .moved =
                    [this](const SolutionTree& tree, int chain, NodeId node,
                           const std::optional<Standing>& to) {
                      if (node != tree.root()) Move(chain, node, to);
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
    const Chain& chain = chains_[view.chain];
    const Places& places = chain.open.empty() ? chain.exhausted : chain.open;
    if (places.empty() || rng.Chance(kDraftShare)) return Draft(view);
    const std::size_t i = Drawn(places.size(), rng);
    const auto [score, fewer, id] = places.At(places.size() - i);
    return Improve(view, NodeId(id));
  }

 private:
  // Score, attempts the other way round, id.
  using Place = std::tuple<double, int, std::uint32_t>;
  using Places = SortedBlocks<Place>;
  struct Chain {
    Places open;
    Places exhausted;
  };
  struct Known {
    Place place;
    Access access = Access::kRanked;
  };

  void Move(int chain, NodeId node, const std::optional<Standing>& to) {
    if (node.value() >= places_.size()) places_.resize(node.value() + 1);
    Known& known = places_[node.value()];
    if (Places* places = PlacesOf(chain, known.access)) {
      places->Erase(known.place);
    }
    known = {};
    if (!to) return;
    known = {.place = {to->score, -to->attempts, node.value()},
             .access = to->access};
    if (Places* places = PlacesOf(chain, known.access)) {
      places->Insert(known.place);
    }
  }

  Places* PlacesOf(int chain, Access access) {
    if (access == Access::kOpen) return &chains_[chain].open;
    if (access == Access::kExhausted) return &chains_[chain].exhausted;
    return nullptr;
  }

  static std::size_t Drawn(std::size_t size, Rng& rng) {
    while (true) {
      const double i = std::floor(1 / (1 - rng.Uniform()));
      const bool kept = rng.Chance((i + 1) / (2 * i));
      if (kept && i <= static_cast<double>(size)) {
        return static_cast<std::size_t>(i);
      }
    }
  }

  PolicyIndex index_;
  Prelude prelude_;
  std::map<int, Chain> chains_;
  std::vector<Known> places_;
};

}  // namespace

std::unique_ptr<Policy> MakeRank(const spec::Spec& spec) {
  return std::make_unique<Rank>(spec);
}

}  // namespace coppice::search
