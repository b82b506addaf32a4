#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// Preloaded into what runs on one node: its wall clock is an hour ahead. The
// other clocks are true.

extern "C" int clock_gettime(clockid_t clock, timespec* now) noexcept {
  const long failed = syscall(SYS_clock_gettime, clock, now);
  if (failed == 0 && clock == CLOCK_REALTIME) now->tv_sec += 3600;
  return static_cast<int>(failed);
}
