#include "base/clock.h"

#include <fmt/chrono.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace coppice {
namespace {

class RealClock final : public Clock {
 public:
  Instant Now() const override {
    return Instant{std::chrono::duration_cast<Duration>(
        std::chrono::steady_clock::now().time_since_epoch())};
  }

  WallTime Wall() const override {
    return std::chrono::time_point_cast<std::chrono::microseconds>(
        std::chrono::system_clock::now());
  }

  Task<void> SleepUntil(Instant when) override {
    asio::any_io_executor executor = co_await asio::this_coro::executor;
    asio::steady_timer timer(
        executor, std::chrono::steady_clock::time_point(when.since_start));
    co_await timer.async_wait(asio::use_awaitable);
  }
};

std::time_t ToTimeT(WallTime at) {
  return std::chrono::system_clock::to_time_t(
      std::chrono::time_point_cast<std::chrono::system_clock::duration>(at));
}

}  // namespace

std::unique_ptr<Clock> MakeRealClock() { return std::make_unique<RealClock>(); }

std::string FormatUtc(WallTime at) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(ToTimeT(at)));
}

std::string FormatCompactUtc(WallTime at) {
  return fmt::format("{:%Y%m%d-%H%M%S}", fmt::gmtime(ToTimeT(at)));
}

}  // namespace coppice
