#pragma once

#include <cstdint>
#include <filesystem>

namespace coppice::search {

// Room on a disk, held by a file of that size until it is needed or its owner
// goes. One thread at a time.
class DiskReserve {
 public:
  static constexpr std::int64_t kBytes = std::int64_t{64} << 20;

  DiskReserve() = default;  // holds nothing
  // Holds nothing where the disk has too little room, or cannot allocate.
  static DiskReserve Keep(std::filesystem::path file);

  DiskReserve(DiskReserve&& other) noexcept;
  DiskReserve& operator=(DiskReserve&& other) noexcept;
  ~DiskReserve();

  // False: there was nothing to give back.
  bool Release();

 private:
  explicit DiskReserve(std::filesystem::path file) : file_(std::move(file)) {}

  std::filesystem::path file_;  // empty: nothing is held
};

}  // namespace coppice::search
