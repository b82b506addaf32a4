#pragma once

#include "eval/supervisor_protocol.h"

// The plan as the helper sees it. Nothing here allocates but Load.

namespace coppice::eval::supervisor {

class Plan {
 public:
  // Maps the file behind `fd`. Ends the process on failure.
  static Plan Load(int fd);

  // The first value of this kind, or nullptr.
  const char* Find(protocol::Item item) const;
  // A nullptr-terminated array of all values of this kind, for exec.
  char** All(protocol::Item item) const;

  // The value of the first item of a kind at or after *position, which moves
  // behind it; nullptr at the end.
  const char* Next(protocol::Item item, long* position) const;

 private:
  char* text_ = nullptr;
  long size_ = 0;
};

// "coppice-sandbox: cannot WHAT: strerror" on standard error, exit 125. No
// record is sent, so that coppice takes it for its own fault.
[[noreturn]] void Die(const char* what);

// Mounts the plan's overlay, if it has one, in a mount namespace of our own.
void MountOverlay(const Plan& plan);
// Denies this process writes outside the plan's kWritable paths. True if done
// or not asked for, false (errno) if the kernel cannot.
bool RestrictWrites(const Plan& plan);
// Runs the command; does not return.
[[noreturn]] void Supervise(const Plan& plan);

}  // namespace coppice::eval::supervisor
