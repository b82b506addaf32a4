#pragma once

#include <memory>

#include "search/policy.h"
#include "spec/spec.h"

namespace coppice::search {

// The constants of SEARCH.md §2.8. The defaults are the policy `puct`.
struct PuctOptions {
  // How Q is told: in ranks, or (TTT-Discover, for comparison: one outlier
  // spoils the scale) in raw scores, and P times their range.
  enum class Scale { kRanks, kScores };
  Scale scale = Scale::kRanks;
  double exploration = 1;
};

std::unique_ptr<Policy> MakePuct(const spec::Spec& spec,
                                 const PuctOptions& options = {});

}  // namespace coppice::search
