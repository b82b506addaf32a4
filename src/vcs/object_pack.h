#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/ids.h"
#include "base/result.h"
#include "vcs/git.h"
#include "vcs/store.h"

// Commits carried to another machine in pack files, without their history:
// what is measured is a tree. Blocking.

namespace coppice::vcs {

// The pack of Store::WritePack, durably.
Result<void> WriteObjectPack(git_repository* repository, ObjectId commit,
                             std::optional<ObjectId> known,
                             const std::filesystem::path& file);

}  // namespace coppice::vcs
