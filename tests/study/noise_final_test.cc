#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/rng.h"
#include "search/decide.h"
#include "study/setups.h"

// What noise does to a search, and what the final gives back (SC-11).

namespace coppice::study {
namespace {

constexpr double kNoise = .1;
constexpr std::size_t kSeeds = 400;

struct Chosen {
  double claimed = 0;
  double truth = 0;
};

double ShownOf(const Simulated& run, NodeId id) { return *run.tree[id].value; }

// What looks best.
Chosen Naive(const Simulated& run) {
  return {ShownOf(run, run.best), run.truths[run.best.value()].quality};
}

// What wins the final: the best eight on `budget` fresh samples.
Chosen Raced(const Simulated& run, std::uint64_t seed, int budget) {
  std::vector<search::Racer> racers;
  for (std::uint32_t id = 1; id < run.tree.size(); ++id) {
    if (!run.tree[NodeId(id)].value) continue;
    racers.push_back({.node = AttemptId(id),
                      .value = ShownOf(run, NodeId(id)),
                      .lines = static_cast<int>(id)});
  }
  std::ranges::sort(racers, std::ranges::greater(), &search::Racer::value);
  racers.resize(std::min<std::size_t>(racers.size(), search::kFinalists));
  spec::Spec spec;
  spec.metric.direction = spec::Direction::kMaximize;
  spec.evaluation.aggregation = spec::Aggregation::kMean;
  const search::NoiseModel noise{.sigma = kNoise, .repeats = 1};
  std::vector<double> baseline;
  Rng rng = Rng::Stream(seed, 0, "final");
  while (true) {
    const search::RaceStep step =
        NextRaceStep(spec, noise, racers, baseline, budget);
    for (AttemptId node : step.sample) {
      const auto at = static_cast<std::size_t>(node.value());
      const double x = run.truths[at].quality + kNoise * rng.Normal();
      auto racer = std::ranges::find(racers, node, &search::Racer::node);
      (racer == racers.end() ? baseline : racer->fresh).push_back(x);
    }
    if (!step.sample.empty()) continue;
    auto winner = std::ranges::find(racers, *step.winner, &search::Racer::node);
    const auto at = static_cast<std::size_t>(winner->node.value());
    return {search::Aggregate(spec.evaluation.aggregation, winner->fresh),
            run.truths[at].quality};
  }
}

struct Mean {
  double inflation = 0;  // claimed less true
  double truth = 0;
};

template <class F>
Mean Over(const std::string& policy, int nodes, F choose) {
  SimulationOptions options = Bare("tunnel", policy, nodes, 8);
  options.noise = kNoise;
  std::vector<Chosen> all(kSeeds);
  SideBySide(kSeeds, [&](std::size_t i) {
    SimulationOptions one = options;
    one.seed = i;
    all[i] = choose(Simulate(one), i);
  });
  Mean mean;
  for (const Chosen& chosen : all) {
    mean.inflation += (chosen.claimed - chosen.truth) / kSeeds;
    mean.truth += chosen.truth / kSeeds;
  }
  return mean;
}

TEST_CASE("a tenth kept for the final makes the claim true (SC-11)") {
  auto naive = [](const Simulated& run, std::uint64_t) { return Naive(run); };
  auto raced = [](const Simulated& run, std::uint64_t seed) {
    return Raced(run, seed, 30);
  };
  const Mean ucb = Over("ucb", 300, naive);
  const Mean ucb_raced = Over("ucb", 270, raced);
  const Mean linear = Over("linear", 300, naive);
  const Mean linear_raced = Over("linear", 270, raced);
  // SEARCH: .57 and .40 true, .24 and .26 too much claimed; with the final .58
  // and .44, .02 too much.
  CHECK(std::abs(ucb.truth - .57) <= .04);
  CHECK(std::abs(linear.truth - .40) <= .04);
  CHECK(std::abs(ucb.inflation - .24) <= .04);
  CHECK(std::abs(linear.inflation - .26) <= .04);
  CHECK(std::abs(ucb_raced.truth - .58) <= .04);
  CHECK(std::abs(linear_raced.truth - .44) <= .04);
  CHECK(std::abs(ucb_raced.inflation) <= .04);
  CHECK(std::abs(linear_raced.inflation) <= .04);
}

}  // namespace
}  // namespace coppice::study
