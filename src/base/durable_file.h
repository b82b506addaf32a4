#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

// Small files that must be whole. Blocking.

namespace coppice {

// Writes, syncs, renames: a crash leaves the old or the new content. For the
// name itself to be durable, sync the directory.
Result<void> ReplaceFile(const std::filesystem::path& path,
                         std::string_view content, mode_t mode = 0644);
Result<void> SyncFile(const std::filesystem::path& path);
Result<void> SyncDirectory(const std::filesystem::path& path);

}  // namespace coppice
