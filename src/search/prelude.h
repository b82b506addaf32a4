#pragma once

#include <optional>
#include <vector>

#include "base/rng.h"
#include "search/policy.h"
#include "search/policy_index.h"
#include "search/prelude_merge.h"
#include "spec/spec.h"

namespace coppice::search {

// What ucb, beam and greedy do before their own rule (SPEC §2 "Policies"):
// drafts, repairs, then merges, tunes and restarts that are due.
class Prelude {
 public:
  explicit Prelude(const spec::Spec& spec);

  void Changed(const SolutionTree& tree, NodeId node);
  std::optional<Expansion> Select(const ChainView& view,
                                  const ChainIndex& index, Rng& rng);

 private:
  std::optional<Expansion> Repair(const ChainView& view,
                                  const ChainIndex& index, Rng& rng) const;
  std::optional<Expansion> Merge(const ChainView& view);
  bool MayGrowBest(const ChainView& view) const;

  const spec::Search search_;
  std::vector<MergePartners> partners_;  // by chain
};

// The baseline is there to grow from.
bool Begun(const ChainView& view);
Expansion Draft(const ChainView& view);
Expansion Improve(const ChainView& view, NodeId node);

}  // namespace coppice::search
