#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"
#include "base/sandbox.h"

namespace coppice::eval {

// The first and the last part of a stream of any length, in bounded memory.
class EndsKeeper {
 public:
  void Append(std::string_view bytes);
  std::uint64_t bytes() const { return bytes_; }
  // Leaves the keeper empty.
  Captured Take();

 private:
  std::string head_;
  std::string tail_;  // up to twice what is kept, so that cutting is rare
  std::uint64_t bytes_ = 0;
};

// A log of bounded size that keeps both ends: the first half of `limit` is
// written as it comes, the last half goes round in a file beside it, which
// Close puts behind a line that says how much is missing. A disk that fails
// costs the log, not the evaluation: failed() says so.
class BoundedLog {
 public:
  BoundedLog() = default;  // keeps nothing
  BoundedLog(std::filesystem::path path, std::uint64_t limit);

  void Append(std::string_view bytes);
  void Close();
  bool failed() const { return failed_; }

 private:
  void AppendToRing(std::string_view bytes);
  void CopyRing(std::uint64_t from, std::uint64_t to);

  std::filesystem::path path_;
  std::uint64_t half_ = 0;
  std::uint64_t head_bytes_ = 0;
  std::uint64_t ring_bytes_ = 0;  // that ever went into the ring
  UniqueFd head_;
  UniqueFd ring_;
  bool failed_ = false;
};

}  // namespace coppice::eval
