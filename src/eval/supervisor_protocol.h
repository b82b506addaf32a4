#pragma once

#include <cstdint>

// What coppice and its helper program `coppice-sandbox` say to each other.
// Both are built from this header; the helper uses nothing but libc.
//
// The helper is started with a socket and a plan. The plan is a file of items
// "<letter><value>\0". The helper plays one or two roles over the same plan:
//   outer  joins the groups, pins, mounts the overlay, then runs bwrap,
//          which starts the helper again inside as its process 1 in the role
//   inner  starts the command, times it, reaps and ends what it leaves.
// A plan without bwrap makes the outer go on as the inner.

namespace coppice::eval::protocol {

inline constexpr int kControlFd = 3;
inline constexpr int kPlanFd = 4;

inline constexpr char kOuterRole[] = "outer";
inline constexpr char kInnerRole[] = "inner";

enum Item : char {
  // Outer.
  kJoinGroup = 'g',     // a cgroup.procs file
  kCpu = 'c',           // number of a core to run on
  kOverlayLower = 'l',  // the overlay, if any
  kOverlayUpper = 'u',
  kOverlayWork = 'w',
  kOverlayTarget = 'm',
  kBwrapArg = 'b',  // bwrap's arguments, its own path first
  // Inner.
  kDirectory = 'd',      // where the command starts
  kArgument = 'a',       // the command's arguments, its program's path first
  kVariable = 'e',       // NAME=value
  kResourceLimit = 'r',  // <resource>:<soft>:<hard>, as of setrlimit
  kKillGroup = 'k',      // a v2 group, joined by the command alone
  kWritable = 'p',       // path the command may write below; none: all
};

// Bytes that coppice sends. The end of the socket, for whatever reason, means
// kKill: a dead coppice leaves nothing behind.
inline constexpr char kTerminate = 'T';  // SIGTERM to the command's group
inline constexpr char kKill = 'K';       // SIGKILL to everything

enum Stage : std::int32_t {
  kRan = 0,          // the command started; `status` is how it ended
  kForkFailed = 1,   // ours
  kGroupFailed = 2,  // ours
  kLimitFailed = 3,  // ours
  kDirectoryFailed = 4,
  kExecFailed = 5,
};

// What the helper says: when it started the command, and, when nothing of it
// is left, how it ended.
struct Begun {
  std::int64_t at_ns = 0;  // CLOCK_MONOTONIC at the exec; 0: it came to none
};
struct Record {
  std::int32_t stage = kRan;
  std::int32_t error = 0;    // errno of the stage that failed
  std::int32_t status = 0;   // as of wait(2)
  std::int32_t leaked = 0;   // processes outlived the command
  std::int64_t wall_ns = 0;  // from exec to exit
  std::int64_t cpu_us = 0;   // of every process that was reaped
  std::int64_t max_rss_kb = 0;
  std::int64_t suspended_ms = 0;  // that the machine slept meanwhile
};

}  // namespace coppice::eval::protocol
