#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/fd.h"
#include "vcs/slot_files.h"
#include "vcs/slots.h"

// The two ways to make a slot the tree of a commit. Blocking, one slot at a
// time; called through Offload.

namespace coppice::vcs {

// One slot: a directory that this process has locked, and what we put there.
struct Slot {
  int number = 0;
  std::filesystem::path dir;
  UniqueFd lock;
  bool busy = false;
  bool dirty = false;
  // Of the last Prepare.
  ObjectId commit;
  std::size_t changed = 0;                   // files against what is below
  Stamps written;                            // files as we left them
  std::map<std::string, TreeEntry> entries;  // tracked among them
  std::set<std::string> hidden;              // whiteouts of ours
  // Pool only.
  bool provisioned = false;
  // Untracked, there after provision; directories with a '/' at the end.
  std::set<std::string> provision_left;
};

class OverlaySlots {
 public:
  explicit OverlaySlots(const SlotOptions& options) : options_(options) {}

  WorkTree View(const Slot& slot, const std::filesystem::path& lower) const;
  // `below`: what `lower` is a checkout of.
  Result<void> Prepare(Slot& slot, const std::filesystem::path& lower,
                       ObjectId below, ObjectId commit) const;
  Result<std::vector<TouchedPath>> Touched(
      const Slot& slot, const std::filesystem::path& lower) const;
  Result<void> Restore(Slot& slot, const std::filesystem::path& lower,
                       std::span<const std::string> paths) const;
  Result<void> Lend(Slot& slot, std::span<const std::string> paths) const;
  Result<void> TakeBack(Slot& slot, std::span<const std::string> paths) const;

 private:
  Result<void> WriteEntry(Slot& slot, const TreeEntry& entry) const;
  Result<void> RestoreOne(Slot& slot, const std::filesystem::path& lower,
                          const std::string& path) const;

  const SlotOptions& options_;
};

class PoolSlots {
 public:
  explicit PoolSlots(const SlotOptions& options) : options_(options) {}

  WorkTree View(const Slot& slot) const;
  // Fills an empty slot with the base and the `copy` files; provision follows.
  Result<void> Fill(Slot& slot) const;
  void Provisioned(Slot& slot) const;
  Result<void> Prepare(Slot& slot, ObjectId commit) const;
  Result<std::vector<TouchedPath>> Touched(const Slot& slot) const;
  Result<void> Restore(Slot& slot, std::span<const std::string> paths) const;
  Result<void> Lend(Slot& slot, std::span<const std::string> paths) const;
  Result<void> TakeBack(Slot& slot, std::span<const std::string> paths) const;

 private:
  Result<void> WriteEntry(Slot& slot, const TreeEntry& entry) const;
  Result<void> TidyUp(Slot& slot) const;
  void Settle(Slot& slot) const;
  bool Stays(const Slot& slot, const std::string& path) const;
  bool Copied(const std::string& path) const;

  const SlotOptions& options_;
};

// What the user's tree has at these paths, in the place of whatever is at them
// below `root`; and nothing at them.
Result<void> LendBelow(const SlotOptions& options,
                       const std::filesystem::path& root, Slot& slot,
                       std::span<const std::string> paths);
Result<void> TakeBackBelow(const std::filesystem::path& root, Slot& slot,
                           std::span<const std::string> paths);

// kLost: the slot is not there any more.
Error SlotIsGone(const std::filesystem::path& dir);

}  // namespace coppice::vcs
