#include "search/disk_reserve.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include "base/fd.h"

namespace coppice::search {

DiskReserve DiskReserve::Keep(std::filesystem::path file) {
  const UniqueFd out(
      open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!out) return {};
  DiskReserve reserve(std::move(file));
  // Not posix_fallocate, which writes it all where nothing can be allocated.
  if (fallocate(out.get(), 0, 0, kBytes) != 0) reserve.Release();
  return reserve;
}

DiskReserve::DiskReserve(DiskReserve&& other) noexcept
    : file_(std::exchange(other.file_, {})) {}

DiskReserve& DiskReserve::operator=(DiskReserve&& other) noexcept {
  std::swap(file_, other.file_);
  return *this;
}

DiskReserve::~DiskReserve() { Release(); }

bool DiskReserve::Release() {
  if (file_.empty()) return false;
  unlink(std::exchange(file_, {}).c_str());
  return true;
}

}  // namespace coppice::search
