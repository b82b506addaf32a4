#include "base/clock.h"

#include <doctest/doctest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>

namespace coppice {

TEST_CASE("the real clock sleeps at least as long as it is asked to") {
  asio::io_context io(1);
  auto clock = MakeRealClock();
  const Instant start = clock->Now();
  asio::co_spawn(io, clock->SleepFor(std::chrono::milliseconds(20)),
                 [](std::exception_ptr failure) { CHECK_FALSE(failure); });
  io.run();
  CHECK(clock->Now() - start >= std::chrono::milliseconds(20));
}

TEST_CASE("the monotonic clock does not go back") {
  auto clock = MakeRealClock();
  Instant last = clock->Now();
  for (int n = 0; n < 10'000; ++n) {
    const Instant now = clock->Now();
    REQUIRE(now >= last);
    last = now;
  }
}

TEST_CASE("times are written in UTC") {
  const WallTime at{std::chrono::seconds(1'788'301'815)};
  CHECK(FormatUtc(at) == "2026-09-01T22:30:15Z");
  CHECK(FormatCompactUtc(at) == "20260901-223015");
  CHECK(FormatUtc(at + std::chrono::microseconds(999'999)) ==
        "2026-09-01T22:30:15Z");
}

}  // namespace coppice
