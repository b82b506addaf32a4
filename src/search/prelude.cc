#include "search/prelude.h"

#include <algorithm>

namespace coppice::search {

bool Begun(const ChainView& view) {
  if (view.tree.empty()) return false;
  const Node& root = view.tree[view.tree.root()];
  return root.outcome && MayBeImproved(*root.outcome);
}

Expansion Draft(const ChainView& view) {
  return Expansion{.parents = {view.tree.root()},
                   .op = Operator::kDraft,
                   .chain = view.chain};
}

Expansion Improve(const ChainView& view, NodeId node) {
  return Expansion{
      .parents = {node}, .op = Operator::kImprove, .chain = view.chain};
}

Prelude::Prelude(const spec::Spec& spec)
    : search_(spec.search), sign_(spec::Sign(spec.metric.direction)) {}

void Prelude::Changed(const SolutionTree& tree, NodeId node) {
  if (search_.merge == 0) return;
  if (node == tree.root()) {
    for (auto& [chain, partners] : partners_) partners.Changed(node);
  } else if (auto own = partners_.find(tree[node].chain);
             own != partners_.end()) {
    own->second.Changed(node);
  }
}

std::optional<Expansion> Prelude::Select(const ChainView& view,
                                         const ChainIndex& index, Rng& rng) {
  if (view.tree.RootAttempts(view.chain) < search_.num_drafts) {
    return Draft(view);
  }
  if (auto repair = Repair(view, index, rng)) return repair;
  if (auto merge = Merge(view)) return merge;
  if (view.tunes_since_best < search_.tune && MayGrowBest(view)) {
    return Expansion{
        .parents = {view.best}, .op = Operator::kTune, .chain = view.chain};
  }
  if (search_.restart_after > 0 &&
      view.since_best >=
          search_.restart_after * (view.restarts_since_best + 1)) {
    Expansion restart = Draft(view);
    restart.history_withheld = true;
    return restart;
  }
  return std::nullopt;
}

std::optional<Expansion> Prelude::Repair(const ChainView& view,
                                         const ChainIndex& index,
                                         Rng& rng) const {
  if (index.debuggable.empty() || !rng.Chance(search_.debug_prob)) {
    return std::nullopt;
  }
  const std::uint64_t drawn = rng.Below(index.debuggable.size());
  NodeId leaf(index.debuggable.At(drawn));
  return Expansion{
      .parents = {leaf}, .op = Operator::kDebug, .chain = view.chain};
}

std::optional<Expansion> Prelude::Merge(const ChainView& view) {
  if (view.merges_off || view.merges_since_best >= search_.merge ||
      !MayGrowBest(view)) {
    return std::nullopt;
  }
  auto own = partners_.try_emplace(view.chain, view.chain, sign_).first;
  auto partner = own->second.Find(view);
  if (!partner) return std::nullopt;
  return Expansion{.parents = {view.best, *partner},
                   .op = Operator::kMerge,
                   .chain = view.chain};
}

// There is a best since the search began, and it may have children.
bool Prelude::MayGrowBest(const ChainView& view) const {
  const Node& best = view.tree[view.best];
  return view.best != view.tree.root() && MayGrow(best) &&
         (!search_.max_depth || best.depth < *search_.max_depth);
}

}  // namespace coppice::search
