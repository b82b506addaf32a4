#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "vcs/store.h"

namespace coppice::vcs {

// A part of a change that can be left out by itself: a hunk of a text file as
// `git diff` shows it, or all that happens to a file where that cannot be told
// apart (made, removed, binary, another mode).
struct HunkSpan {
  std::string path;
  // Lines [begin, end) of the file before, and after, counted from 0.
  std::size_t old_begin = 0, old_end = 0;
  std::size_t new_begin = 0, new_end = 0;
  bool whole_file = false;
};

// The change between two commits, in hunks that can be kept or left out one
// by one. Blocking, any thread; the store must outlive it.
class Hunks {
 public:
  static Result<Hunks> Between(Store& store, ObjectId from, ObjectId to);
  ~Hunks();
  Hunks(Hunks&&) noexcept;

  // By path, then by line.
  const std::vector<HunkSpan>& all() const { return hunks_; }
  // Hunks of this change that lie where `kept` hunks of `whole`, another change
  // of the same commit, do; ascending.
  std::vector<std::size_t> Inside(const Hunks& whole,
                                  std::span<const std::size_t> kept) const;

  struct Part {
    ObjectId commit;  // a child of `from`, the same for the same hunks
    ObjectId tree;
  };
  // With these hunks alone (ascending); all of them are the whole change. In
  // our store only. kConflict: a file and a directory at one place.
  Result<Part> Compose(std::span<const std::size_t> kept) const;

 private:
  struct File;
  Hunks(Store& store, ObjectId from);

  Store* store_;
  ObjectId from_;
  std::vector<File> files_;
  std::vector<HunkSpan> hunks_;
};

}  // namespace coppice::vcs
