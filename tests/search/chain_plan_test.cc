#include "search/chain_plan.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>

#include "base/rng.h"

namespace coppice::search {
namespace {

using spec::ChainBudget;

spec::Search Of(ChainBudget how, int chains) {
  spec::Search search;
  search.chain_budget = how;
  search.chains = chains;
  return search;
}

// Chains that start whenever the plan lets them, `in_flight` at a time in all,
// and end in a drawn order; a chain's score is drawn when it begins.
struct Runner {
  Runner(spec::Search search_in, int budget_in, std::uint64_t seed = 1)
      : search(search_in), budget(budget_in), rng(seed) {
    Grow();
  }

  void Grow() {
    const auto count = static_cast<std::size_t>(CountChains(search, budget));
    while (chains.size() < count) chains.push_back({.score = rng.Uniform()});
  }

  // Whom the plan asks first starts an attempt. False: nobody may.
  bool Start(int in_flight) {
    if (static_cast<int>(running.size()) >= in_flight || total() == budget) {
      return false;
    }
    for (int chain : ChainsToAsk(search, budget, chains)) {
      if (one_each && std::ranges::count(running, chain) > 0) continue;
      ++chains[static_cast<std::size_t>(chain)].started;
      running.push_back(chain);
      return true;
    }
    return false;
  }

  void Run(int in_flight) {
    while (true) {
      while (Start(in_flight)) {
      }
      if (running.empty()) return;
      const auto next = static_cast<std::ptrdiff_t>(rng.Below(running.size()));
      ++chains[static_cast<std::size_t>(running[next])].finished;
      running.erase(running.begin() + next);
    }
  }

  int total() const {
    int sum = 0;
    for (const ChainStanding& chain : chains) sum += chain.started;
    return sum;
  }
  std::vector<int> Started() const {
    std::vector<int> started;
    for (const ChainStanding& chain : chains) started.push_back(chain.started);
    return started;
  }

  spec::Search search;
  int budget;
  bool one_each = false;
  Rng rng;
  std::vector<ChainStanding> chains;
  std::vector<int> running;
};

TEST_CASE("Luby's sequence") {
  const int known[] = {1, 1, 2, 1, 1, 2, 4, 1, 1, 2, 1, 1, 2, 4, 8, 1};
  for (int i = 0; i < 16; ++i) CHECK(Luby(i + 1) == known[i]);
  CHECK(Luby((1 << 20) - 1) == 1 << 19);
}

TEST_CASE("there are as many chains as the budget asks for, and never fewer") {
  CHECK(CountChains(Of(ChainBudget::kEven, 7), 100) == 7);
  CHECK(CountChains(Of(ChainBudget::kEven, 7), std::nullopt) == 7);
  CHECK(CountChains(Of(ChainBudget::kHalving, 1), 100) == 10);
  CHECK(CountChains(Of(ChainBudget::kHalving, 1), 101) == 11);
  CHECK(CountChains(Of(ChainBudget::kHalving, 6), 100) == 6);
  CHECK(CountChains(Of(ChainBudget::kLuby, 1), 16) == 1);
  CHECK(CountChains(Of(ChainBudget::kLuby, 1), 64) == 3);  // 16 + 16 + 32
  CHECK(CountChains(Of(ChainBudget::kLuby, 1), 65) == 4);
  CHECK(CountChains(Of(ChainBudget::kLuby, 8), 65) == 8);
  for (auto how : {ChainBudget::kLuby, ChainBudget::kHalving}) {
    int before = 0;
    for (int budget = 1; budget < 2000; ++budget) {
      const int count = CountChains(Of(how, 1), budget);
      REQUIRE(count >= before);
      before = count;
    }
  }
}

TEST_CASE("evenly: the one with the fewest attempts first, equal shares") {
  Runner runner(Of(ChainBudget::kEven, 3), 11);
  CHECK(ChainsToAsk(runner.search, 11, runner.chains) ==
        std::vector<int>{0, 1, 2});
  runner.chains[0].started = 2;
  runner.chains[1].started = 1;
  CHECK(ChainsToAsk(runner.search, 11, runner.chains) ==
        std::vector<int>{2, 1, 0});
  runner.chains[2].started = 3;  // its share of 11 is 3
  CHECK(ChainsToAsk(runner.search, 11, runner.chains) ==
        std::vector<int>{1, 0});
  CHECK(ChainsToAsk(runner.search, std::nullopt, runner.chains) ==
        std::vector<int>{1, 0, 2});
  Runner whole(Of(ChainBudget::kEven, 3), 11);
  whole.Run(5);
  CHECK(whole.Started() == std::vector<int>{4, 4, 3});
}

TEST_CASE("Luby: lengths of the sequence, so many chains side by side") {
  Runner one(Of(ChainBudget::kLuby, 1), 100);
  CHECK(ChainsToAsk(one.search, 100, one.chains) == std::vector<int>{0});
  one.Run(1);
  CHECK(one.Started() == std::vector<int>{16, 16, 32, 16, 16, 4});
  Runner two(Of(ChainBudget::kLuby, 2), 100);
  two.Run(4);
  CHECK(two.total() == 100);
  two.chains[0].started = two.chains[1].started = 5;
  for (std::size_t i = 2; i < two.chains.size(); ++i) two.chains[i] = {};
  CHECK(ChainsToAsk(two.search, 100, two.chains) == std::vector<int>{0, 1});
  two.chains[0].started = 16;
  CHECK(ChainsToAsk(two.search, 100, two.chains) == std::vector<int>{2, 1});
}

TEST_CASE("halving: each rung the same budget, the better half goes on") {
  Runner runner(Of(ChainBudget::kHalving, 4), 60);
  // Three rungs of 20: four chains of 5, two of 10, one of 20.
  for (std::size_t i = 0; i < 4; ++i) {
    runner.chains[i] = {.started = 5, .finished = 5};
  }
  runner.chains[0].score = .1;
  runner.chains[1].score = .7;
  runner.chains[2].score = .3;
  CHECK(ChainsToAsk(runner.search, 60, runner.chains) ==
        std::vector<int>{1, 2});
  runner.chains[3].finished = 4;  // one is on its way: the rung is not over
  CHECK(ChainsToAsk(runner.search, 60, runner.chains).empty());
  runner.chains[3].finished = 5;
  runner.chains[2].started = 6;
  // Who went on stays, whatever becomes of the others' values.
  runner.chains[0].score = .9;
  CHECK(ChainsToAsk(runner.search, 60, runner.chains) ==
        std::vector<int>{0, 2});
  runner.chains[0].started = runner.chains[0].finished = 15;
  runner.chains[2].started = runner.chains[2].finished = 15;
  CHECK(ChainsToAsk(runner.search, 60, runner.chains) == std::vector<int>{0});
  runner.chains[0].started = 35;
  CHECK(ChainsToAsk(runner.search, 60, runner.chains).empty());
}

TEST_CASE("whatever the order, the budget is spent exactly") {
  for (auto how :
       {ChainBudget::kEven, ChainBudget::kLuby, ChainBudget::kHalving}) {
    for (int chains : {1, 2, 10, 33}) {
      for (int budget : {1, 3, 10, 100, 997}) {
        for (int in_flight : {1, 8}) {
          for (bool one_each : {false, true}) {
            CAPTURE(static_cast<int>(how));
            CAPTURE(chains);
            CAPTURE(budget);
            Runner runner(Of(how, chains), budget);
            runner.one_each = one_each;
            runner.Run(in_flight);
            REQUIRE(runner.total() == budget);
          }
        }
      }
    }
  }
}

TEST_CASE("halving ends with one chain, that with the best score") {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Runner runner(Of(ChainBudget::kHalving, 1), 400, seed);
    runner.Run(8);
    auto most =
        std::ranges::max_element(runner.chains, {}, &ChainStanding::started);
    auto best =
        std::ranges::max_element(runner.chains, {}, &ChainStanding::score);
    CHECK(most == best);
    CHECK(most->started > 400 / 6);
    std::vector<int> started = runner.Started();
    std::ranges::sort(started);
    CHECK(started[0] == started[9]);  // half of the twenty stopped at once
    CHECK(started[9] < started[10]);
  }
}

TEST_CASE("a greater budget goes on where the smaller one ended") {
  for (auto how :
       {ChainBudget::kEven, ChainBudget::kLuby, ChainBudget::kHalving}) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      CAPTURE(static_cast<int>(how));
      Runner runner(Of(how, 1), 100, seed);
      runner.Run(4);
      REQUIRE(runner.total() == 100);
      runner.budget = 300;
      runner.Grow();
      runner.Run(4);
      CHECK(runner.total() == 300);
    }
  }
}

}  // namespace
}  // namespace coppice::search
