#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/patch.h"
#include "base/workspaces.h"
#include "support/temp_dir.h"

namespace coppice::testing {

// Commits as maps from path to text, slots as plain directories that hold a
// copy. Slots are never scarce. The leases must not outlive it.
class FakeWorkspaces final : public Workspaces {
 public:
  using Files = std::map<std::string, std::string>;

  // Makes these files a commit.
  ObjectId Add(Files files);

  // What was written or removed in the slot: for ReadBack functions.
  std::vector<FileChange> Changes(const Lease& lease) const;

  int acquired() const { return acquired_; }
  int leased() const { return leased_; }
  int dirty() const { return dirty_; }

  Task<Result<std::unique_ptr<Lease>>> Acquire(ObjectId commit,
                                               SlotUse use) override;
  Task<Result<std::vector<TouchedPath>>> Touched(const Lease& lease) override;
  Task<Result<void>> Restore(const Lease& lease,
                             std::span<const std::string> paths) override;
  Task<Result<void>> Lend(const Lease& lease,
                          std::span<const std::string> paths) override;
  Task<Result<void>> TakeBack(const Lease& lease,
                              std::span<const std::string> paths) override;
  Task<Result<std::filesystem::path>> BaseCheckout() override;

 private:
  class Slot;

  TempDir root_;
  std::map<ObjectId, Files> commits_;
  ObjectId base_;  // the commit added first
  int acquired_ = 0;
  int leased_ = 0;
  int dirty_ = 0;
};

}  // namespace coppice::testing
