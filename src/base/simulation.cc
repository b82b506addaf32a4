#include "base/simulation.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace coppice {

class Simulation::VirtualClock final : public Clock {
 public:
  explicit VirtualClock(asio::io_context& io) : io_(io) {}

  Instant Now() const override { return now_; }
  WallTime Wall() const override { return kEpoch + now_.since_start; }

  Task<void> SleepUntil(Instant when) override {
    if (when <= now_) co_return;
    asio::steady_timer timer(io_, std::chrono::steady_clock::time_point::max());
    sleepers_.emplace(std::pair(when, next_++), &timer);
    boost::system::error_code ignored;
    co_await timer.async_wait(
        asio::redirect_error(asio::use_awaitable, ignored));
  }

  // Advances to the first sleeper and wakes it; false if there is none.
  bool WakeNext() {
    if (sleepers_.empty()) return false;
    auto first = sleepers_.begin();
    now_ = first->first.first;
    first->second->cancel();
    sleepers_.erase(first);
    return true;
  }

 private:
  // Any fixed date will do; this one makes run ids readable in tests.
  static constexpr WallTime kEpoch{std::chrono::seconds(1'788'300'000)};

  asio::io_context& io_;
  Instant now_;
  std::uint64_t next_ = 0;
  std::map<std::pair<Instant, std::uint64_t>, asio::steady_timer*> sleepers_;
};

Simulation::Simulation()
    : io_(1),
      clock_(std::make_unique<VirtualClock>(io_)),
      compute_(MakeInlineCompute()) {}

Simulation::~Simulation() = default;

Clock& Simulation::clock() { return *clock_; }

void Simulation::Run(Task<void> task) {
  std::exception_ptr failure;
  auto ended = [&failure](std::exception_ptr e) { failure = std::move(e); };
  asio::co_spawn(io_, std::move(task), std::move(ended));
  do {
    io_.restart();
    io_.poll();
  } while (clock_->WakeNext());
  if (failure) std::rethrow_exception(failure);
}

}  // namespace coppice
