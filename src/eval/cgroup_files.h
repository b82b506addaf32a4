#pragma once

#include <filesystem>
#include <string_view>

// Internal to cgroup*.cc.

namespace coppice::eval {

// False if the kernel refuses.
bool PutInGroup(const std::filesystem::path& file, std::string_view text);
// Removes a group; those that a member has made below it go with it.
void RemoveGroup(const std::filesystem::path& group);

}  // namespace coppice::eval
