#pragma once

#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

namespace coppice::llm {

// A program of the caller's, as commands in a sandbox can run it.
struct FoundProgram {
  std::filesystem::path file;  // of all symbolic links
  // What must be shown read-only, because sandboxes show /usr and /opt only:
  // its package, and those of its interpreters.
  std::vector<std::filesystem::path> expose;
  // Directories of it and its interpreters, for PATH.
  std::vector<std::filesystem::path> directories;
};

// `name` as the caller's PATH finds it; nothing if it does not, or if its
// interpreter is missing. `home` itself is never exposed, nor what is above.
std::optional<FoundProgram> FindAgentProgram(std::string_view name,
                                             std::string_view path,
                                             const std::filesystem::path& home);

}  // namespace coppice::llm
