#pragma once

#include <memory>

#include "search/policy.h"
#include "spec/spec.h"

namespace coppice::search {

// The constants of SEARCH.md §2.7. The defaults are the policy `uct`.
struct UctOptions {
  // What a subtree is worth: the greatest rank in it, or (for comparison: one
  // outlier spoils the scale) its greatest or, as AIRA's MCTS has it, its mean
  // score between the least and the greatest of all.
  enum class Backup { kBestRank, kBestScore, kMeanScore };
  Backup backup = Backup::kBestRank;
  double exploration = .1;
  // Children of a node: as many as this, or 0: the root of its visits.
  int width = 0;

  static UctOptions Aira() {
    return {.backup = Backup::kMeanScore, .exploration = .25, .width = 5};
  }
};

std::unique_ptr<Policy> MakeUct(const spec::Spec& spec,
                                const UctOptions& options = {});

}  // namespace coppice::search
