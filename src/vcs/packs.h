#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/ids.h"
#include "base/result.h"

// The pack files of the store. `objects` is its objects directory.

namespace coppice::vcs {

// Where packs are written before they are installed.
std::filesystem::path IncomingDirectory(const std::filesystem::path& objects);

// Moves the finished pack-<name>.{pack,idx} from the incoming
// directory to its place, durably. One that is there already wins.
Result<void> InstallPack(const std::filesystem::path& objects,
                         std::string_view name);

// Whoever removes packs holds this until the descriptor is closed; empty if
// somebody else does.
UniqueFd LockPacks(const std::filesystem::path& objects);

// "pack-<name>" of each pack with an index, sorted.
std::vector<std::string> PackNames(const std::filesystem::path& objects);
void RemovePack(const std::filesystem::path& objects, std::string_view pack);
Result<std::vector<ObjectId>> ObjectsInPacks(
    const std::filesystem::path& objects);

// Replaces many small packs by one, once there are more than a few dozen;
// true if it did.
Result<bool> JoinSmallPacks(const std::filesystem::path& objects);

}  // namespace coppice::vcs
