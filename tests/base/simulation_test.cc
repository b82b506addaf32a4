#include "base/simulation.h"

#include <doctest/doctest.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/rng.h"

namespace coppice {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

}  // namespace

TEST_CASE("virtual time jumps to the next sleeper") {
  Simulation world;
  const Instant start = world.clock().Now();
  const WallTime wall = world.clock().Wall();
  auto main = [&]() -> Task<void> {
    co_await world.clock().SleepFor(hours(9));
  };
  world.Run(main());
  CHECK(world.clock().Now() - start == hours(9));
  CHECK(world.clock().Wall() - wall == hours(9));
}

TEST_CASE("sleepers of one instant wake in the order they lay down") {
  Simulation world;
  std::vector<int> order;
  auto sleeper = [&](int name) -> Task<void> {
    co_await world.clock().SleepUntil(Instant{seconds(7)});
    order.push_back(name);
  };
  auto main = [&]() -> Task<void> {
    TaskGroup group(world.io().get_executor());
    for (int name = 0; name < 50; ++name) group.Spawn(sleeper(name));
    co_await group.Join();
  };
  world.Run(main());
  for (int n = 0; n < 50; ++n) CHECK(order[static_cast<std::size_t>(n)] == n);
}

TEST_CASE("a sleep into the past does not wait") {
  Simulation world;
  auto main = [&]() -> Task<void> {
    co_await world.clock().SleepFor(seconds(5));
    co_await world.clock().SleepUntil(Instant{seconds(1)});
    co_await world.clock().SleepFor(seconds(-3));
  };
  world.Run(main());
  CHECK(world.clock().Now() == Instant{seconds(5)});
}

TEST_CASE("two runs of one random world are the same") {
  auto run = [] {
    Simulation world;
    std::vector<int> order;
    auto worker = [&](int name) -> Task<void> {
      Rng rng = Rng::Stream(1, name, "nap");
      for (int n = 0; n < 20; ++n) {
        co_await world.clock().SleepFor(seconds(rng.Below(5)));
        order.push_back(name);
      }
    };
    auto main = [&]() -> Task<void> {
      TaskGroup group(world.io().get_executor());
      for (int name = 0; name < 100; ++name) group.Spawn(worker(name));
      co_await group.Join();
    };
    world.Run(main());
    return order;
  };
  const std::vector<int> first = run();
  CHECK(first.size() == 2000);
  CHECK(first == run());
}

TEST_CASE("what the task threw comes out of Run") {
  Simulation world;
  auto main = [&]() -> Task<void> {
    co_await world.clock().SleepFor(seconds(1));
    throw std::runtime_error("over");
  };
  CHECK_THROWS_WITH_AS(world.Run(main()), "over", std::runtime_error);
}

}  // namespace coppice
