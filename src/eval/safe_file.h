#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace coppice::eval {

// A file that a candidate may have put there.
struct SafeFile {
  std::string bytes;
  bool executable = false;
  timespec modified{};
};

struct SafeRead {
  std::optional<SafeFile> file;
  // Why it may not be read: "a symbolic link", "not a regular file", "2 hard
  // links", "over 16 MiB". Without both there is no such file.
  std::string refused;
};

// Reads `path` below `directory` without following any link, without blocking
// on a FIFO, and not more than `limit` bytes.
SafeRead ReadBeneath(const std::filesystem::path& directory,
                     std::string_view path, std::uint64_t limit);

}  // namespace coppice::eval
