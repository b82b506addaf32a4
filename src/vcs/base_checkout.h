#pragma once

#include <filesystem>

#include "base/fd.h"
#include "vcs/slot_files.h"
#include "vcs/slots.h"

namespace coppice::vcs {

// One checkout of the base, with the user's `copy` files, set up and built:
// the lower layer of every overlay. Made once and then only read, by this and
// by other processes. Conductor thread.
class BaseCheckout {
 public:
  BaseCheckout(const SlotOptions& options, std::filesystem::path dir);

  // Makes it if it is not there (any more).
  Task<Result<void>> Ready();
  bool Intact() const;
  std::filesystem::path tree() const { return dir_ / "tree"; }
  const std::filesystem::path& dir() const { return dir_; }

 private:
  Result<void> Fill(Stamps& stamps) const;
  Result<void> Finish(const Stamps& stamps) const;
  // The `copy` files as they were when it was made.
  std::filesystem::path Copies() const { return dir_ / "copies"; }

  const SlotOptions& options_;
  const std::filesystem::path dir_;
  Semaphore making_;
  UniqueFd users_;  // shared lock: it is in use
};

}  // namespace coppice::vcs
