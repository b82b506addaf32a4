#include "study/ideas.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "search/policy_index.h"
#include "search/prelude.h"
#include "search/ucb.h"

// What a valley asks for is to go on from what looks worse. Ranking never does;
// the lineage floor does by accident. An excursion does it on purpose, for a
// share of the budget that is known beforehand: from a node of the better half
// `steps` generations are grown in single file, and only then does rank decide
// again. One excursion at a time: while its last step is being measured the
// default goes on.
//
// Costs a pass over the tree a selection: an experiment, not a policy to ship.

namespace coppice::study {
namespace {

using search::ChainView;
using search::Expansion;

class WithIdeas final : public search::Policy {
 public:
  WithIdeas(const spec::Spec& spec, const Ideas& ideas)
      : ideas_(ideas),
        drafts_(spec.search.num_drafts),
        usual_(search::MakeUcb(spec, search::UcbOptionsOf(spec.search))) {}

  void Changed(const search::SolutionTree& tree, NodeId node) override {
    usual_->Changed(tree, node);
  }

  std::optional<Expansion> Select(const ChainView& view, Rng& rng) override {
    if (view.tree.RootAttempts(view.chain) >= drafts_) {
      std::optional<NodeId> node;
      if (rng.Chance(ideas_.excursions)) node = Excursion(view, rng);
      if (!node && rng.Chance(ideas_.breadth)) node = Broadest(view);
      if (node) return search::Improve(view, *node);
    }
    return usual_->Select(view, rng);
  }

 private:
  // Measured nodes but the root, worst first.
  static std::vector<NodeId> Ranked(const ChainView& view) {
    std::vector<NodeId> nodes;
    for (std::uint32_t id = 1; id < view.tree.size(); ++id) {
      if (search::MayGrow(view.tree[NodeId(id)])) nodes.emplace_back(id);
    }
    std::ranges::sort(nodes, {}, [&view](NodeId node) {
      return std::pair(view.sign * *view.tree[node].value, node);
    });
    return nodes;
  }

  std::optional<NodeId> Excursion(const ChainView& view, Rng& rng) {
    if (from_) {
      // What the last step became; a failed one is tried again from the same.
      const std::vector<NodeId> children = view.tree.Children(*from_);
      if (view.tree[*from_].in_flight > 0) return std::nullopt;
      for (std::size_t i = children.size(); i-- > 0;) {
        if (!search::MayGrow(view.tree[children[i]])) continue;
        if (children[i] <= last_seen_) break;
        from_ = children[i];
        break;
      }
      if (--left_ > 0) return Go(view, *from_);
    }
    const std::vector<NodeId> nodes = Ranked(view);
    if (nodes.empty()) return std::nullopt;
    const std::size_t half = (nodes.size() + 1) / 2;
    left_ = ideas_.steps;
    return Go(view, nodes[nodes.size() - 1 - rng.Below(half)]);
  }

  NodeId Go(const ChainView& view, NodeId node) {
    from_ = node;
    last_seen_ = NodeId(static_cast<std::uint32_t>(view.tree.size() - 1));
    return node;
  }

  static std::optional<NodeId> Broadest(const ChainView& view) {
    const std::vector<NodeId> nodes = Ranked(view);
    const double total = std::log(1. + view.finished + view.in_flight);
    std::optional<NodeId> chosen;
    double most = 0;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const double rank =
          (static_cast<double>(i) + .5) / static_cast<double>(nodes.size());
      const double spread = .2 * total / (1. + view.tree[nodes[i]].attempts);
      const double worth = rank + spread * spread;
      if (chosen && worth < most) continue;
      chosen = nodes[i];
      most = worth;
    }
    return chosen;
  }

  const Ideas ideas_;
  const int drafts_;
  const std::unique_ptr<search::Policy> usual_;
  // Of the excursion under way.
  std::optional<NodeId> from_;
  NodeId last_seen_;  // the newest node when it last went on
  int left_ = 0;
};

}  // namespace

std::unique_ptr<search::Policy> MakeWithIdeas(const spec::Spec& spec,
                                              const Ideas& ideas) {
  return std::make_unique<WithIdeas>(spec, ideas);
}

}  // namespace coppice::study
