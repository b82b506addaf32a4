#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/task.h"

// Slots: fresh, writable trees of a commit. The interface stands on the
// lowest floor because git makes them, evaluators and proposers run in them,
// and those rooms do not know each other. The real ones are in vcs/.

namespace coppice {

// An overlay on one built checkout of the base. `lower` is never written;
// `upper` holds the files of the candidate that differ from it and whatever
// its commands write. It is mounted by whoever starts a process, in that
// process's own mount namespace, over `WorkTree::root`.
struct Overlay {
  std::filesystem::path lower;
  std::filesystem::path upper;
  std::filesystem::path work;
};

// Where a process finds the tree of a slot.
struct WorkTree {
  int slot = 0;
  // The directory that shows the tree: complete in itself in a pool slot; with
  // an overlay it is the lower checkout, over which the overlay is mounted.
  std::filesystem::path root;
  std::optional<Overlay> overlay;
};

enum class SlotUse {
  kEvaluate,  // built base below, `copy` files present
  kClean,     // the same from a checkout of its own, nothing built before
  kPropose,   // for a proposer; what it leaves is read back
};

// A path, relative to the root, written or removed since the slot was made
// ready. Directories stand for nothing but themselves.
struct TouchedPath {
  std::string path;
  bool removed = false;
};

// A slot in use; gives itself back when destroyed. Conductor thread.
class Lease {
 public:
  virtual ~Lease() = default;
  virtual const WorkTree& tree() const = 0;
  virtual ObjectId commit() const = 0;
  // The slot must not be used again as it is: processes may survive in it, or
  // its files are not what they should be. It is made anew.
  virtual void MarkDirty() = 0;
  // False if the slot's files were taken away from outside: what failed in it
  // is our fault, not the candidate's.
  virtual bool Intact() const { return true; }
};

// Runs `setup` and `build` in a base checkout (or in a pool slot) before its
// first use. An error fails the Acquire that asked.
using Provision = std::function<Task<Result<void>>(const WorkTree&)>;

// Conductor thread; file work is done off it. Slots deleted from outside are
// made again. Errors: kIo (disk), kNotFound (no such commit), or Provision's.
class Workspaces {
 public:
  virtual ~Workspaces() = default;

  // Waits until a slot for `use` is free, then makes it the tree of `commit`.
  virtual Task<Result<std::unique_ptr<Lease>>> Acquire(ObjectId commit,
                                                       SlotUse use) = 0;

  // What processes wrote or removed in the slot since Acquire (or Restore of
  // that path). Regular files that git ignores are included; sorted.
  virtual Task<Result<std::vector<TouchedPath>>> Touched(
      const Lease& lease) = 0;

  // Puts these paths back as Acquire left them.
  virtual Task<Result<void>> Restore(const Lease& lease,
                                     std::span<const std::string> paths) = 0;

  // Puts untracked files of the user's work tree at their places in the slot,
  // for one command that may see them, and takes them away again. Touched
  // tells of neither. kCheck: such a file is not there.
  virtual Task<Result<void>> Lend(const Lease& lease,
                                  std::span<const std::string> paths) = 0;
  virtual Task<Result<void>> TakeBack(const Lease& lease,
                                      std::span<const std::string> paths) = 0;

  // A read-only checkout of the base, for COPPICE_BASE; provisioned like a
  // slot. Stays valid as long as the Workspaces.
  virtual Task<Result<std::filesystem::path>> BaseCheckout() = 0;
};

}  // namespace coppice
