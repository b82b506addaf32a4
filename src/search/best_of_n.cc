#include "search/best_of_n.h"

#include "search/prelude.h"

namespace coppice::search {
namespace {

// Independent draws: every attempt is a draft that knows of no other.
class BestOfN final : public Policy {
 public:
  void Changed(const SolutionTree&, NodeId) override {}

  std::optional<Expansion> Select(const ChainView& view, Rng&) override {
    if (!Begun(view)) return std::nullopt;
    Expansion draft = Draft(view);
    draft.history_withheld = true;
    return draft;
  }
};

}  // namespace

std::unique_ptr<Policy> MakeBestOfN(const spec::Spec&) {
  return std::make_unique<BestOfN>();
}

}  // namespace coppice::search
