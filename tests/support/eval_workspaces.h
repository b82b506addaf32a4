#pragma once

#include <sys/stat.h>

#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/workspaces.h"
#include "support/temp_dir.h"

namespace coppice::testing {

// A pool of directories, each provisioned once and made the tree of a commit
// at every Acquire; ignored files stay in it. What was written is found by
// comparing inode, mode, size and time, so that a rewritten file counts too.
// Slots are never scarce.
class EvalWorkspaces final : public Workspaces {
 public:
  struct File {
    std::string text;
    bool executable = false;
  };
  using Files = std::map<std::string, File>;

  // Makes these files a commit; the first is the base.
  ObjectId Add(Files files);
  // The base with some files changed; empty text: removed.
  ObjectId AddChange(const std::map<std::string, std::string>& changes);
  const Files& base() const { return commits_.at(base_); }

  Provision provision;            // may stay empty
  Files copies;                   // evaluation.copy: in every slot, untracked
  Files users;                    // untracked files that can be lent
  std::set<std::string> ignored;  // top directories that stay in a slot

  int acquired = 0;  // leases given out
  int made = 0;      // slots made
  int leased = 0;    // leases out now
  int dirty = 0;     // slots thrown away

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
  using Snapshot = std::map<std::string, struct stat>;

  std::filesystem::path SlotRoot(int slot) const;
  void Fill(int slot, const Files& files);
  Task<Result<void>> Provisioned(int slot);
  static Snapshot Look(const std::filesystem::path& root);

  TempDir root_;
  std::map<ObjectId, Files> commits_;
  ObjectId base_;
  std::deque<int> free_;
  std::map<int, Snapshot> before_;
};

}  // namespace coppice::testing
