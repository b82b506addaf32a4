#include <doctest/doctest.h>

#include <cmath>
#include <numeric>
#include <vector>

#include "search/puct.h"
#include "search/uct.h"
#include "study/setups.h"

// The rows of SEARCH.md §5 for uct, puct and chains. 400 seeds: a share is
// known to ± .05. Its uct had no first drafts; its puct told Q in raw scores.

namespace coppice::study {
namespace {

constexpr std::size_t kSeeds = 400;

double Hits(const SimulationOptions& options) {
  const std::vector<double> hits = SimulateSeeds(
      options, 0, kSeeds,
      [](const Simulated& run) { return run.Solved() ? 1. : 0.; });
  return std::accumulate(hits.begin(), hits.end(), 0.) / kSeeds;
}

bool Near(double share, double expected) {
  CAPTURE(share);
  CAPTURE(expected);
  return std::abs(share - expected) <= .08;
}

SimulationOptions Uct(const char* landscape, int nodes, int workers,
                      search::UctOptions uct = {}) {
  SimulationOptions options = Bare(landscape, "uct", nodes, workers);
  options.spec.search.num_drafts = 0;
  options.policy = [spec = options.spec, uct] {
    return search::MakeUct(spec, uct);
  };
  return options;
}

SimulationOptions Chains(const char* landscape, int nodes, int chains,
                         spec::ChainBudget how = spec::ChainBudget::kEven) {
  SimulationOptions options = Shipped(landscape, "linear", nodes, 8);
  options.spec.search.chains = chains;
  options.spec.search.chain_budget = how;
  return options;
}

TEST_CASE("uct with ranks and the greatest backed up stays in every trap") {
  CHECK(Hits(Uct("trap-mild", 200, 1)) <= .05);
  CHECK(Hits(Uct("trap-mild", 200, 8)) <= .07);
  CHECK(Hits(Uct("trap-2", 200, 8)) <= .03);
  CHECK(Near(Hits(Uct("dead-end", 200, 1)), .09));
  CHECK(Hits(Uct("dead-end", 200, 8)) <= .09);
}

TEST_CASE("uct with means and five children is AIRA's") {
  const auto aira = search::UctOptions::Aira();
  CHECK(Near(Hits(Uct("trap-mild", 200, 1, aira)), .25));
  CHECK(Near(Hits(Uct("trap-mild", 400, 8, aira)), .43));
  CHECK(Hits(Uct("trap-2", 200, 8, aira)) <= .01);
  CHECK(Hits(Uct("dead-end", 200, 8, aira)) >= .95);
}

TEST_CASE("puct stays in the two traps and leaves the dead end slowly") {
  CHECK(Hits(Bare("trap-mild", "puct", 200, 1)) <= .03);
  CHECK(Hits(Bare("trap-mild", "puct", 200, 8)) <= .08);
  CHECK(Hits(Bare("trap-2", "puct", 200, 8)) <= .04);
  auto raw = [](int nodes) {
    SimulationOptions options = Bare("dead-end", "puct", nodes, 8);
    options.policy = [spec = options.spec] {
      return search::MakePuct(spec,
                              {.scale = search::PuctOptions::Scale::kScores});
    };
    return Hits(options);
  };
  const double early = raw(100);
  const double late = raw(400);
  CHECK(Near(early, .13));
  CHECK(late >= .7);
  CHECK(Hits(Bare("dead-end", "puct", 100, 8)) > early + .1);
}

TEST_CASE("ten even chains hit as SEARCH.md says (SC-03)") {
  CHECK(Near(Hits(Chains("trap-mild", 100, 10)), .35));
  CHECK(Near(Hits(Chains("trap-mild", 200, 10)), .80));
  CHECK(Near(Hits(Chains("trap-2", 200, 10)), .75));
  CHECK(Near(Hits(Chains("trap-2", 400, 10)), .88));
  CHECK(Near(Hits(Chains("dead-end", 100, 10)), .46));
  CHECK(Near(Hits(Chains("dead-end", 200, 10)), .98));
}

TEST_CASE("halving chains hit as SEARCH.md says") {
  constexpr auto kHalving = spec::ChainBudget::kHalving;
  CHECK(Near(Hits(Chains("trap-mild", 100, 1, kHalving)), .34));
  CHECK(Near(Hits(Chains("trap-mild", 200, 1, kHalving)), .44));
  CHECK(Near(Hits(Chains("trap-mild", 400, 1, kHalving)), .79));
  CHECK(Near(Hits(Chains("trap-2", 100, 1, kHalving)), .07));
  CHECK(Near(Hits(Chains("trap-2", 400, 1, kHalving)), .30));
  CHECK(Near(Hits(Chains("dead-end", 100, 1, kHalving)), .34));
  CHECK(Near(Hits(Chains("dead-end", 400, 1, kHalving)), .74));
}

TEST_CASE("chains of Luby's lengths leave the traps, one after another") {
  constexpr auto kLuby = spec::ChainBudget::kLuby;
  CHECK(Hits(Chains("trap-mild", 400, 1, kLuby)) >= .8);
  CHECK(Hits(Chains("trap-2", 400, 1, kLuby)) >= .75);
  CHECK(Hits(Chains("dead-end", 400, 1, kLuby)) >= .95);
}

TEST_CASE("a search of any plan spends its budget exactly") {
  for (auto how : {spec::ChainBudget::kEven, spec::ChainBudget::kLuby,
                   spec::ChainBudget::kHalving}) {
    for (const char* policy : {"linear", "ucb", "abmcts"}) {
      for (int chains : {1, 3}) {
        CAPTURE(policy);
        SimulationOptions options = Shipped("plain", policy, 150, 8);
        options.spec.search.chains = chains;
        options.spec.search.chain_budget = how;
        const Simulated run = Simulate(options);
        CHECK(run.selected.size() == 150);
        CHECK(run.progress.size() == 150);
      }
    }
  }
}

}  // namespace
}  // namespace coppice::study
