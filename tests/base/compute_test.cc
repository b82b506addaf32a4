#include "base/compute.h"

#include <doctest/doctest.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>

#include "base/simulation.h"

namespace coppice {
namespace {

void RunOn(asio::io_context& io, Task<void> task) {
  std::exception_ptr failure;
  auto ended = [&failure](const std::exception_ptr& error) { failure = error; };
  asio::co_spawn(io, std::move(task), std::move(ended));
  io.run();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace

TEST_CASE("offloaded work runs elsewhere and its result comes home") {
  asio::io_context io(1);
  auto compute = MakeArenaCompute(2);
  const std::thread::id conductor = std::this_thread::get_id();
  auto main = [&]() -> Task<void> {
    std::thread::id worker;
    auto work = [&worker] {
      worker = std::this_thread::get_id();
      return std::string(100, 'x');
    };
    const std::string result = co_await Offload(*compute, work);
    CHECK(result.size() == 100);
    CHECK(worker != conductor);
    CHECK(std::this_thread::get_id() == conductor);
  };
  RunOn(io, main());
}

TEST_CASE("exceptions of offloaded work come home too") {
  asio::io_context io(1);
  auto compute = MakeArenaCompute(1);
  int caught = 0;
  auto main = [&]() -> Task<void> {
    auto fails = []() -> int { throw std::runtime_error("no"); };
    auto fails_void = [] { throw std::runtime_error("no"); };
    try {
      co_await Offload(*compute, fails);
    } catch (const std::runtime_error&) {
      ++caught;
    }
    try {
      co_await Offload(*compute, fails_void);
    } catch (const std::runtime_error&) {
      ++caught;
    }
  };
  RunOn(io, main());
  CHECK(caught == 2);
}

TEST_CASE("an arena of two threads runs two pieces of work at once") {
  auto compute = MakeArenaCompute(2);
  std::mutex mutex;
  std::condition_variable met;
  int here = 0;
  std::atomic<int> together{0};
  auto meet = [&] {
    std::unique_lock lock(mutex);
    ++here;
    met.notify_all();
    if (met.wait_for(lock, std::chrono::seconds(20),
                     [&] { return here == 2; })) {
      ++together;
    }
  };
  compute->Run(meet);
  compute->Run(meet);
  compute.reset();  // waits for both
  CHECK(together == 2);
}

TEST_CASE("destroying a compute waits for what was given to it") {
  std::atomic<int> done{0};
  auto compute = MakeArenaCompute(2);
  for (int n = 0; n < 1000; ++n) compute->Run([&done] { ++done; });
  compute.reset();
  CHECK(done == 1000);
}

TEST_CASE("inline work is done when Run returns") {
  auto compute = MakeInlineCompute();
  int done = 0;
  compute->Run([&done] { ++done; });
  CHECK(done == 1);
  CHECK(compute->inline_work());

  Simulation world;
  int value = 0;
  auto main = [&]() -> Task<void> {
    auto work = [] { return 42; };
    value = co_await Offload(world.compute(), work);
  };
  world.Run(main());
  CHECK(value == 42);
}

}  // namespace coppice
