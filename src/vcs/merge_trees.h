#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "vcs/trees.h"

namespace coppice::vcs {

struct TreeMerge {
  std::vector<TreeEdit> edits;         // of `ours`, sorted; none if conflicts
  std::vector<std::string> conflicts;  // paths, sorted
};

// Three-way merge, file by file and line by line, without looking for renames.
// Merged texts are written through the repository.
Result<TreeMerge> MergeTrees(git_repository* repository, const git_oid& base,
                             const git_oid& ours, const git_oid& theirs);

}  // namespace coppice::vcs
