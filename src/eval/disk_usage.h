#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace coppice::eval {

// A directory that a command may fill.
struct DiskRoot {
  std::filesystem::path path;
  // Seconds since 1970: what did not change since was there before and does
  // not count; 0: everything counts.
  std::int64_t since = 0;
};

struct DiskUse {
  std::uint64_t bytes = 0;  // as allocated: holes are free
  std::int64_t files = 0;   // names of any kind

  bool Over(const DiskUse& limit) const {
    return bytes > limit.bytes || files > limit.files;
  }
};

// What lies below the roots, while commands go on writing there; stops
// counting once it is over `limit`. Never follows a link. Blocks on disk.
DiskUse MeasureDisk(const std::vector<DiskRoot>& roots, const DiskUse& limit);

// Bytes that are left on the disk of `path`; 0 as well if no file can be made.
std::uint64_t FreeBytes(const std::filesystem::path& path);

}  // namespace coppice::eval
