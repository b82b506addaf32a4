#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "base/task.h"

namespace coppice {

using Duration = std::chrono::microseconds;

// Monotonic time since an arbitrary start; for limits and durations.
struct Instant {
  Duration since_start{0};
  friend auto operator<=>(const Instant&, const Instant&) = default;
  friend Duration operator-(Instant a, Instant b) {
    return a.since_start - b.since_start;
  }
  friend Instant operator+(Instant a, Duration d) {
    return Instant{a.since_start + d};
  }
};

// Calendar time, µs since 1970 UTC; for records only, never for a decision.
using WallTime = std::chrono::sys_time<std::chrono::microseconds>;

// The only source of time. Now and Wall may be called from any thread;
// SleepUntil from the conductor. The clock must outlive every sleeper.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant Now() const = 0;
  virtual WallTime Wall() const = 0;
  virtual Task<void> SleepUntil(Instant when) = 0;

  Task<void> SleepFor(Duration d) { return SleepUntil(Now() + d); }
};

// Steady clock and system clock of this machine.
std::unique_ptr<Clock> MakeRealClock();

// "2026-09-01T22:30:15Z"; "20260901-223015" for run ids.
std::string FormatUtc(WallTime at);
std::string FormatCompactUtc(WallTime at);

}  // namespace coppice
