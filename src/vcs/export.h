#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "vcs/store.h"

// The two ways a result leaves our store: as one branch of the user's
// repository, and as changes of files in the user's work tree. Blocking, any
// thread. HEAD, the index and other branches are never written, and no hook
// runs.

namespace coppice::vcs {

// What changed from one commit to another becomes one commit of the branch.
struct ExportStep {
  ObjectId from;
  ObjectId to;
  std::string message;
};

// kUsage with the way out if `branch` is no name for a branch, or is taken.
Result<void> CheckBranchIsFree(const RepositoryPlaces& places,
                               const std::string& branch);

// Makes the commits of an export on top of `onto`, by the user's identity,
// oldest first: one step for a squash, several for a stack. They are in our
// store only, so that they can be measured before anybody sees them. A step
// that changes nothing on top of the others is left out; kUsage if all are.
// kConflict names the files; nothing is written then.
Result<std::vector<ObjectId>> ComposeExport(Store& store, ObjectId onto,
                                            std::span<const ExportStep> steps);

// Copies the commit and what it needs into the user's repository and makes the
// branch. An existing branch is never moved.
Result<void> PublishBranch(Store& store, const std::string& branch,
                           ObjectId commit);

// Takes a branch away that PublishBranch made, as long as it still is where it
// was made.
Result<void> RemoveBranch(const RepositoryPlaces& places,
                          const std::string& branch, ObjectId commit);

// Does to the user's work tree, at HEAD, what changed from `base` to `node`;
// the paths written or removed, sorted. kUsage names files that are not as
// HEAD has them, kConflict those that HEAD changed otherwise; nothing is
// written then. Files that fail midway are put back.
Result<std::vector<std::string>> ApplyToWorkTree(Store& store, ObjectId base,
                                                 ObjectId node);

}  // namespace coppice::vcs
