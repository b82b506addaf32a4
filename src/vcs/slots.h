#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/compute.h"
#include "base/workspaces.h"
#include "vcs/store.h"

namespace coppice::vcs {

enum class SlotMode {
  kOverlay,  // changed files over one built base checkout
  kPool,     // a whole checkout a slot, where overlays cannot be mounted
};

struct SlotOptions {
  asio::any_io_executor executor;
  Clock& clock;
  Compute& compute;
  Store& store;
  ObjectId base;
  // <user's cache>/coppice/<repository id>
  std::filesystem::path cache_dir;
  // For what overlay slots write, another file system if wanted (tmpfs);
  // empty: in cache_dir too.
  std::filesystem::path overlay_dir = {};
  // Of whatever a provisioned base depends on: setup, build, copy, ...
  std::string digest;
  std::vector<std::string> copy;    // untracked files or directories
  std::filesystem::path copy_from;  // the user's work tree
  std::vector<std::string> keep;
  SlotMode mode = SlotMode::kOverlay;
  int evaluation_slots = 2;  // leases for kEvaluate and kClean at once
  int proposer_slots = 1;
  Provision provision;
  // May the base below the overlays be moved to the best node, where nodes
  // have drifted far from it? Only if commands see every base checkout at one
  // and the same path: builds write down where they are.
  bool may_move = false;
};

// Nodes far from the base below them cost their builds. Once half of the last
// kDriftWindow evaluated nodes differ from it in kDriftFiles files or more, and
// from the best node in half as many, a checkout of the best, copied from the
// one that is there and built further, takes its place.
inline constexpr int kDriftWindow = 32;
inline constexpr int kDriftFiles = 8;

// Slots in directories of `cache_dir` that no other process uses.
std::unique_ptr<Workspaces> MakeWorkspaces(SlotOptions options);

// Bytes of each slot or base checkout that no living process holds.
std::vector<std::pair<std::filesystem::path, std::uint64_t>> IdleSlots(
    const std::filesystem::path& cache_dir);
Result<void> RemoveSlot(const std::filesystem::path& slot);

}  // namespace coppice::vcs
