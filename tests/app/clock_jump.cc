#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>

// Preloaded into coppice: its wall clock jumps an hour forward or back every
// now and then, as one that is being set does. The other clocks are true.

extern "C" int clock_gettime(clockid_t clock, timespec* now) noexcept {
  static std::atomic<unsigned> asked{0};
  const long failed = syscall(SYS_clock_gettime, clock, now);
  if (failed == 0 && clock == CLOCK_REALTIME) {
    const unsigned turn = asked.fetch_add(1) / 20 % 3;
    now->tv_sec += turn == 1 ? 3600 : turn == 2 ? -3600 : 0;
  }
  return static_cast<int>(failed);
}
