#include "base/task.h"

#include <doctest/doctest.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/simulation.h"

namespace coppice {
namespace {

using std::chrono::seconds;

Task<void> SleepThenNote(Clock& clock, int s, std::vector<int>& order) {
  co_await clock.SleepFor(seconds(s));
  order.push_back(s);
}

Task<void> SleepThenThrow(Clock& clock, int s) {
  co_await clock.SleepFor(seconds(s));
  throw std::runtime_error("member failed");
}

}  // namespace

TEST_CASE("a group is waited for one by one, in the order of ending") {
  Simulation world;
  std::vector<int> order;
  std::vector<std::size_t> seen;
  auto main = [&]() -> Task<void> {
    TaskGroup group(world.io().get_executor());
    for (int s : {3, 1, 2}) group.Spawn(SleepThenNote(world.clock(), s, order));
    CHECK(group.running() == 3);
    while (group.running() > 0) {
      co_await group.WaitForOne();
      seen.push_back(order.size());
    }
  };
  world.Run(main());
  CHECK(order == std::vector<int>{1, 2, 3});
  CHECK(seen == std::vector<std::size_t>{1, 2, 3});
}

TEST_CASE("Join waits for all and an empty group for nothing") {
  Simulation world;
  std::vector<int> order;
  bool joined = false;
  auto main = [&]() -> Task<void> {
    TaskGroup group(world.io().get_executor());
    co_await group.WaitForOne();
    co_await group.Join();
    group.Spawn(SleepThenNote(world.clock(), 5, order));
    group.Spawn(SleepThenNote(world.clock(), 4, order));
    co_await group.Join();
    CHECK(group.running() == 0);
    joined = true;
  };
  world.Run(main());
  CHECK(order == std::vector<int>{4, 5});
  CHECK(joined);
}

TEST_CASE("the first exception of a member comes out of the next wait") {
  Simulation world;
  std::vector<int> order;
  std::string caught;
  auto main = [&]() -> Task<void> {
    TaskGroup group(world.io().get_executor());
    group.Spawn(SleepThenThrow(world.clock(), 1));
    group.Spawn(SleepThenNote(world.clock(), 2, order));
    try {
      co_await group.Join();
    } catch (const std::runtime_error& error) {
      caught = error.what();
    }
    co_await group.Join();  // the others still run to their end
  };
  world.Run(main());
  CHECK(caught == "member failed");
  CHECK(order == std::vector<int>{2});
}

TEST_CASE("Wake ends a wait though no member has ended") {
  Simulation world;
  std::vector<int> order;
  Duration woken_at{0};
  auto main = [&]() -> Task<void> {
    TaskGroup group(world.io().get_executor());
    auto waker = [&]() -> Task<void> {
      co_await world.clock().SleepFor(seconds(1));
      group.Wake();
    };
    TaskGroup other(world.io().get_executor());
    other.Spawn(waker());
    group.Spawn(SleepThenNote(world.clock(), 10, order));
    const Instant start = world.clock().Now();
    co_await group.WaitForOne();
    woken_at = world.clock().Now() - start;
    CHECK(group.running() == 1);
    co_await group.Join();
    co_await other.Join();
  };
  world.Run(main());
  CHECK(woken_at == seconds(1));
}

TEST_CASE("a semaphore lets in as many as it has units, in order of asking") {
  Simulation world;
  Semaphore semaphore(world.io().get_executor(), 2);
  std::vector<int> entered;
  int inside = 0;
  int most = 0;
  auto user = [&](int name) -> Task<void> {
    Semaphore::Permit permit = co_await semaphore.Acquire();
    entered.push_back(name);
    most = std::max(most, ++inside);
    co_await world.clock().SleepFor(seconds(10 - name));
    --inside;
  };
  auto main = [&]() -> Task<void> {
    TaskGroup group(world.io().get_executor());
    for (int name = 0; name < 6; ++name) group.Spawn(user(name));
    co_await group.Join();
  };
  world.Run(main());
  CHECK(entered == std::vector<int>{0, 1, 2, 3, 4, 5});
  CHECK(most == 2);
  CHECK(semaphore.available() == 2);
}

TEST_CASE("a permit is given back once, however it ends") {
  Simulation world;
  Semaphore semaphore(world.io().get_executor(), 1);
  auto main = [&]() -> Task<void> {
    Semaphore::Permit first = co_await semaphore.Acquire();
    CHECK(semaphore.available() == 0);
    Semaphore::Permit second = std::move(first);
    // Moved from, it holds nothing.
    first.Release();  // NOLINT(bugprone-use-after-move)
    CHECK(semaphore.available() == 0);
    second.Release();
    second.Release();
    CHECK(semaphore.available() == 1);
  };
  world.Run(main());
  CHECK(semaphore.available() == 1);
}

}  // namespace coppice
