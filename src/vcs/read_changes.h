#pragma once

#include <string>
#include <vector>

#include "base/compute.h"
#include "base/patch.h"
#include "base/workspaces.h"
#include "vcs/store.h"

namespace coppice::vcs {

// What a proposer left in its slot.
struct SlotChanges {
  std::vector<FileChange> changes;   // against the commit of the slot
  std::vector<std::string> refused;  // "link.txt: a symbolic link", ...
};

// Looks at what was touched; what git ignores, `copy` files and files whose
// content is what it was are left out.
Task<Result<SlotChanges>> ReadChanges(Store& store, Compute& compute,
                                      Workspaces& workspaces,
                                      const Lease& lease,
                                      std::vector<std::string> copy);

}  // namespace coppice::vcs
