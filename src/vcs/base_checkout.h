#pragma once

#include <filesystem>
#include <memory>

#include "base/fd.h"
#include "vcs/slot_files.h"
#include "vcs/slots.h"

namespace coppice::vcs {

// One checkout of a commit, with the user's `copy` files, set up and built:
// the lower layer of overlays. Made once and then only read, by this and by
// other processes. Conductor thread.
class BaseCheckout {
 public:
  // Of the base, from nothing.
  BaseCheckout(const SlotOptions& options, std::filesystem::path dir);
  // Of another commit, from a copy of a checkout that is ready: what is built
  // there is only built further.
  BaseCheckout(const SlotOptions& options, std::filesystem::path dir,
               ObjectId commit, std::shared_ptr<const BaseCheckout> from);

  // Makes it if it is not there (any more).
  Task<Result<void>> Ready();
  bool Intact() const;
  ObjectId commit() const { return commit_; }
  std::filesystem::path tree() const { return dir_ / "tree"; }
  const std::filesystem::path& dir() const { return dir_; }
  // Removes it, unless another process uses it. Blocking.
  void Discard();

 private:
  Task<Result<void>> Make();
  Result<void> Fill(Stamps& stamps) const;
  Task<Result<void>> Copy() const;
  Result<void> Change(Stamps& stamps) const;
  Result<void> Finish(const Stamps& stamps) const;
  // The `copy` files as they were when it was made.
  std::filesystem::path Copies() const { return dir_ / "copies"; }

  const SlotOptions& options_;
  const std::filesystem::path dir_;
  const ObjectId commit_;
  std::shared_ptr<const BaseCheckout> from_;  // until it is made
  Semaphore making_;
  UniqueFd users_;  // shared lock: it is in use
};

}  // namespace coppice::vcs
