#include "eval/capture.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace coppice::eval {
namespace {

constexpr std::size_t kHeadSize = std::size_t{64} << 10;
constexpr std::size_t kTailSize = std::size_t{256} << 10;

UniqueFd Create(const std::filesystem::path& path, int flags) {
  return UniqueFd(
      open(path.c_str(),
           O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | flags, 0644));
}

bool WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

std::filesystem::path RingPath(const std::filesystem::path& log) {
  return log.string() + ".tail";
}

}  // namespace

void EndsKeeper::Append(std::string_view bytes) {
  bytes_ += bytes.size();
  const std::size_t first = std::min(kHeadSize - head_.size(), bytes.size());
  head_.append(bytes.substr(0, first));
  bytes.remove_prefix(first);
  if (bytes.empty()) return;
  tail_.append(bytes);
  if (tail_.size() >= 2 * kTailSize) tail_.erase(0, tail_.size() - kTailSize);
}

Captured EndsKeeper::Take() {
  if (tail_.size() > kTailSize) tail_.erase(0, tail_.size() - kTailSize);
  return Captured{.head = std::exchange(head_, {}),
                  .tail = std::exchange(tail_, {}),
                  .bytes = std::exchange(bytes_, 0)};
}

BoundedLog::BoundedLog(std::filesystem::path path, std::uint64_t limit)
    : path_(std::move(path)), half_(limit / 2), head_(Create(path_, 0)) {
  failed_ = !head_;
}

void BoundedLog::Append(std::string_view bytes) {
  if (!head_ || failed_) return;
  const std::size_t first = static_cast<std::size_t>(
      std::min<std::uint64_t>(half_ - head_bytes_, bytes.size()));
  if (first > 0) {
    failed_ = !WriteAll(head_.get(), bytes.substr(0, first));
    head_bytes_ += first;
    bytes.remove_prefix(first);
  }
  if (!bytes.empty() && half_ > 0) AppendToRing(bytes);
}

void BoundedLog::AppendToRing(std::string_view bytes) {
  if (!ring_) ring_ = Create(RingPath(path_), O_EXCL);
  if (!ring_) {  // left by a process that died
    std::filesystem::remove(RingPath(path_));
    ring_ = Create(RingPath(path_), O_EXCL);
  }
  failed_ = !ring_;
  while (!bytes.empty() && !failed_) {
    const std::uint64_t at = ring_bytes_ % half_;
    const std::size_t size = static_cast<std::size_t>(
        std::min<std::uint64_t>(half_ - at, bytes.size()));
    const ssize_t n =
        pwrite(ring_.get(), bytes.data(), size, static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    failed_ = n < 0;
    if (failed_) break;
    ring_bytes_ += static_cast<std::uint64_t>(n);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

// In the kernel where the file system can, else through a buffer.
void BoundedLog::CopyRing(std::uint64_t from, std::uint64_t to) {
  off_t at = static_cast<off_t>(from);
  const off_t end = static_cast<off_t>(to);
  std::string buffer;
  while (at < end && !failed_) {
    const std::size_t left = static_cast<std::size_t>(end - at);
    ssize_t n = -1;
    if (buffer.empty()) {
      n = copy_file_range(ring_.get(), &at, head_.get(), nullptr, left, 0);
      if (n > 0) continue;
      buffer.resize(kTailSize);
    }
    n = pread(ring_.get(), buffer.data(), std::min(left, buffer.size()), at);
    if (n <= 0) {
      failed_ = true;
      break;
    }
    failed_ =
        !WriteAll(head_.get(), {buffer.data(), static_cast<std::size_t>(n)});
    at += n;
  }
}

void BoundedLog::Close() {
  if (ring_) {
    const std::uint64_t kept = std::min(ring_bytes_, half_);
    if (ring_bytes_ > kept) {
      const std::string mark =
          fmt::format("\n[... {} bytes left out ...]\n", ring_bytes_ - kept);
      failed_ |= !WriteAll(head_.get(), mark);
    }
    const std::uint64_t oldest = ring_bytes_ > kept ? ring_bytes_ % half_ : 0;
    CopyRing(oldest, kept);
    CopyRing(0, oldest);
    ring_.Reset();
    std::error_code ignored;
    std::filesystem::remove(RingPath(path_), ignored);
  }
  head_.Reset();
}

}  // namespace coppice::eval
