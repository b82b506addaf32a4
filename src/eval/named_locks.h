#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "base/result.h"
#include "base/task.h"

// Locks with names, one set for the whole machine: for runs, users and
// processes alike (MEA-28). A lock is flock on a file of one directory, so it
// goes with its owner and no child inherits it.

namespace coppice::eval {

enum class LockMode { kShared, kExclusive };

// Held around samples that are timed; builds and checks share it.
inline constexpr char kProcessorLock[] = "cpu";

struct LockWish {
  std::string name;  // as evaluation.exclusive allows them
  LockMode mode = LockMode::kExclusive;
};

// What a lock's file says of its owner; written by any account, so it is for
// people only.
struct LockOwner {
  std::int64_t pid = 0;
  std::string run;
};

// One lock at this moment.
struct LockState {
  bool held = false;
  std::optional<LockOwner> holder;  // nothing: free, or shared
  std::optional<LockOwner> next;    // first in line

  // "held by run R (pid 12), next is run S (pid 13)"; "" if free.
  std::string Text() const;
};

// $COPPICE_LOCK_DIR (of containers that share one machine), else one directory
// for all accounts.
std::filesystem::path LockDirectory();
LockState ReadLockState(const std::filesystem::path& directory,
                        const std::string& name);

// Gives its locks back when destroyed.
class HeldLocks {
 public:
  HeldLocks() = default;
  HeldLocks(HeldLocks&&) noexcept = default;
  HeldLocks& operator=(HeldLocks&&) = delete;
  ~HeldLocks();

 private:
  friend class NamedLocks;
  std::vector<UniqueFd> files_;
};

// Those that one process takes. Conductor thread; nothing blocks.
class NamedLocks {
 public:
  // kCheck: the directory cannot be made, or is not one that every account may
  // use and nobody can redirect. `clock` must outlive it.
  static Result<std::unique_ptr<NamedLocks>> Open(
      std::filesystem::path directory, std::string run, Clock& clock);
  ~NamedLocks();
  NamedLocks(const NamedLocks&) = delete;
  NamedLocks& operator=(const NamedLocks&) = delete;

  // Waits for all of them, taken in the order of their names, so that two who
  // want the same cannot block each other. In the order of asking within this
  // process; between processes nobody is passed for ever. Errors: kLost.
  Task<Result<HeldLocks>> Acquire(std::vector<LockWish> wishes);

  // Whoever waits, and whoever asks from now on, gets kLost (cancelled).
  void CancelAll() { cancelled_ = true; }

 private:
  NamedLocks(std::filesystem::path path, UniqueFd directory, std::string run,
             Clock& clock);
  Task<Result<UniqueFd>> AcquireOne(LockWish wish);
  Task<Result<UniqueFd>> Poll(std::string file, LockMode mode);

  const std::filesystem::path path_;
  const UniqueFd directory_;
  const std::string run_;
  Clock& clock_;
  bool cancelled_ = false;
  std::map<std::string, std::unique_ptr<Semaphore>> lines_;
};

}  // namespace coppice::eval
