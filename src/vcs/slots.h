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
  // Of whatever a provisioned base depends on: setup, build, copy, ...
  std::string digest;
  std::vector<std::string> copy;    // untracked files or directories
  std::filesystem::path copy_from;  // the user's work tree
  std::vector<std::string> keep;
  SlotMode mode = SlotMode::kOverlay;
  int evaluation_slots = 2;  // leases for kEvaluate and kClean at once
  int proposer_slots = 1;
  Provision provision;
};

// Slots in directories of `cache_dir` that no other process uses.
std::unique_ptr<Workspaces> MakeWorkspaces(SlotOptions options);

// Bytes of each slot or base checkout that no living process holds.
std::vector<std::pair<std::filesystem::path, std::uint64_t>> IdleSlots(
    const std::filesystem::path& cache_dir);
Result<void> RemoveSlot(const std::filesystem::path& slot);

}  // namespace coppice::vcs
