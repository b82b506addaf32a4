#include "study/simulated_final.h"

#include <algorithm>
#include <ranges>
#include <vector>

#include "base/rng.h"
#include "search/decide.h"

namespace coppice::study {
namespace {

// The best eight by what they measured, the chains' bests of them first.
std::vector<search::Racer> Finalists(const SimulationOptions& options,
                                     const Simulated& run) {
  const int sign = spec::Sign(options.spec.metric.direction);
  std::vector<search::Racer> racers;
  for (std::uint32_t id = 1; id < run.tree.size(); ++id) {
    const search::Node& node = run.tree[NodeId(id)];
    if (!node.value) continue;
    racers.push_back({.node = node.attempt,
                      .value = *node.value,
                      .lines = static_cast<int>(id)});
  }
  std::ranges::sort(racers, [sign](const auto& a, const auto& b) {
    return std::pair(-sign * a.value, a.node) <
           std::pair(-sign * b.value, b.node);
  });
  racers.resize(std::min<std::size_t>(racers.size(), search::kFinalists));
  return racers;
}

}  // namespace

void Race(const SimulationOptions& options, int budget, Simulated& run) {
  std::vector<search::Racer> racers = Finalists(options, run);
  if (racers.empty()) return;
  spec::Spec spec;
  spec.metric.direction = options.spec.metric.direction;
  spec.evaluation.aggregation = spec::Aggregation::kMean;
  const double sigma =
      options.landscape->Noise(options.seed).value_or(options.noise);
  const search::NoiseModel noise{.sigma = sigma, .repeats = 1};
  const int sign = spec::Sign(spec.metric.direction);
  auto truth = [&run](AttemptId node) {
    return run.truths[run.tree.Find(node)->value()].quality;
  };
  std::vector<double> baseline;
  Rng rng = Rng::Stream(options.seed, 0, "final");
  while (true) {
    const search::RaceStep step =
        NextRaceStep(spec, noise, racers, baseline, budget);
    for (AttemptId node : step.sample) {
      const double shown = truth(node) + sigma * rng.Normal();
      auto racer = std::ranges::find(racers, node, &search::Racer::node);
      (racer == racers.end() ? baseline : racer->fresh).push_back(sign * shown);
    }
    if (!step.sample.empty()) continue;
    auto winner = std::ranges::find(racers, *step.winner, &search::Racer::node);
    run.best = *run.tree.Find(winner->node);
    run.claimed =
        sign * search::Aggregate(spec.evaluation.aggregation, winner->fresh);
    return;
  }
}

}  // namespace coppice::study
