#pragma once

#include <map>
#include <optional>

#include "base/rng.h"
#include "search/policy.h"
#include "search/policy_index.h"
#include "search/prelude_merge.h"
#include "spec/spec.h"

namespace coppice::search {

// What every policy but linear and best_of_n does before its own rule (SPEC §2
// "Policies"): drafts, repairs, then merges, tunes and restarts that are due.
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
  const int sign_;
  std::map<int, MergePartners> partners_;  // by chain, once it asked
};

// The baseline is there to grow from.
bool Begun(const ChainView& view);
Expansion Draft(const ChainView& view);
Expansion Improve(const ChainView& view, NodeId node);

}  // namespace coppice::search
