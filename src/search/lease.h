#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "base/fd.h"
#include "base/result.h"

// One process owns a run: who holds the lock on the file `lease` in its
// directory (SPEC §4). The kernel frees the lock of a dead owner.

namespace coppice::search {

// Who took a lease; what the file says.
struct LeaseOwner {
  std::string host;
  std::int64_t pid = 0;
  std::int64_t start_time = 0;  // of the process, in ticks since boot
  std::string boot_id;          // of the host's kernel

  friend bool operator==(const LeaseOwner&, const LeaseOwner&) = default;
};

// Gives the lease back when destroyed.
class RunLease {
 public:
  RunLease(RunLease&&) noexcept = default;
  RunLease& operator=(RunLease&&) = delete;
  ~RunLease();

 private:
  friend Result<RunLease> AcquireLease(const std::filesystem::path& run_dir);
  explicit RunLease(UniqueFd file) : file_(std::move(file)) {}
  UniqueFd file_;
};

// kBusy, naming host and pid, while another owner lives.
Result<RunLease> AcquireLease(const std::filesystem::path& run_dir);

// The owner of the run, if it lives; one on another host counts as alive. No
// lock is taken.
std::optional<LeaseOwner> FindOwner(const std::filesystem::path& run_dir);

// This process.
LeaseOwner ThisProcess();
// "host pid start boot": what a message to one process names it by.
std::string NameOf(const LeaseOwner& owner);
bool IsAlive(const LeaseOwner& owner, const LeaseOwner& self);
// With the lock in hand: may what `previous` left behind be taken over? On a
// local file system the lock alone decides; on a network one it may not reach
// the other hosts, so their owners are believed to live.
bool MayTakeOver(const LeaseOwner& previous, const LeaseOwner& self,
                 bool on_network);

// By statfs: locks and shared memory do not reach other hosts reliably.
bool OnNetworkFileSystem(const std::filesystem::path& path);

}  // namespace coppice::search
