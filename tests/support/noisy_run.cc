#include "support/noisy_run.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "search/budget.h"
#include "search/decide.h"
#include "search/measurements.h"

namespace coppice::testing {
namespace {

using search::Contest;
using search::Decision;
using search::NextMeasurement;
using search::NoiseModel;
using search::Pair;
using search::Racer;
using search::RaceStep;

constexpr double kBase = 100;
constexpr AttemptId kRoot(0);

Noise Normal() {
  return [](Rng& rng) { return rng.Normal(); };
}

Noise LogNormal() {
  return [](Rng& rng) { return std::exp(0.8 * rng.Normal()) - 1; };
}

// Runs that are disturbed, one in ten, and always for the worse.
Noise Spiky() {
  return [](Rng& rng) {
    const double calm = 0.5 * rng.Normal();
    return rng.Chance(0.1) ? calm + 10 * rng.Uniform() : calm;
  };
}

// A host that wanders as far as single samples scatter.
Noise Wandering() {
  return [at = 0.0](Rng& rng) mutable {
    constexpr double kPhi = 0.95;
    at = kPhi * at + std::sqrt(1 - kPhi * kPhi) * rng.Normal();
    return at + rng.Normal();
  };
}

// A host that gets slower all the time, by a deviation in 50 samples.
Noise Drifting() {
  return [at = 0.0](Rng& rng) mutable {
    at += 0.02;
    return at + rng.Normal();
  };
}

Noise Bimodal() {
  return [](Rng& rng) {
    return (rng.Chance(0.3) ? 2.0 : 0.0) + 0.3 * rng.Normal();
  };
}

Noise Coarse() {
  return [](Rng& rng) { return std::round(rng.Normal()); };
}

// One run: the baseline, the candidates one by one, the final.
class Runner {
 public:
  explicit Runner(const NoisyRun& run)
      : run_(run),
        noise_(run.shape.make()),
        rng_(run.seed),
        spec_(MakeSpec(run)),
        measured_(spec_) {}

  NoisyResult Go() {
    for (int i = 0; i < 5; ++i) Measure(kRoot, SamplePhase::kBaseline);
    samples_ = 0;
    for (std::size_t i = 1; i <= run_.gains.size(); ++i) {
      Evaluate(AttemptId(static_cast<std::int64_t>(i)));
    }
    result_.search_samples = samples_;
    result_.best_true = TrueGain(best_);
    result_.best_shown = ShownGain(best_);
    if (run_.final) Race();
    return result_;
  }

 private:
  static spec::Spec MakeSpec(const NoisyRun& run) {
    spec::Spec spec;
    spec.metric.name = "seconds";
    spec.evaluation.repeats = run.repeats;
    if (!run.screen && !run.repeats) spec.evaluation.repeats = 5;
    if (run.min_improvement) {
      spec.metric.min_improvement = {
          .kind = spec::MinImprovement::Kind::kAbsolute,
          .value = *run.min_improvement * run.shape.sigma};
    }
    spec.search.seed = static_cast<std::int64_t>(run.seed);
    return spec;
  }

  double TrueGain(AttemptId node) const {
    return node == kRoot
               ? 0
               : run_.gains[static_cast<std::size_t>(node.value()) - 1];
  }

  double ShownGain(AttemptId node) const {
    return (*measured_.Value(kRoot) - *measured_.Value(node)) /
           run_.shape.sigma;
  }

  double Measure(AttemptId node, SamplePhase phase) {
    eval::Sample sample;
    sample.index = next_index_[{node, phase}]++;
    sample.phase = phase;
    const double x = kBase + noise_(rng_) - run_.shape.sigma * TrueGain(node);
    sample.metrics = {{"seconds", x}};
    measured_.Add(node, sample);
    ++samples_;
    return x;
  }

  NoiseModel Model() const {
    return {.sigma = measured_.Sigma(),
            .relative = measured_.relative(),
            .repeats = measured_.Repeats()};
  }

  void Evaluate(AttemptId node) {
    Contest contest{.candidate = node, .more_pairs = run_.more_pairs};
    if (!run_.screen) contest.screen = kBase / 2;
    while (true) {
      contest.best_value = *measured_.Value(best_);
      const Decision d = Decide(spec_, Model(), contest);
      if (!d.next) return Conclude(node, d);
      if (d.next == NextMeasurement::kScreen) {
        contest.screen = Measure(node, SamplePhase::kScreen);
        continue;
      }
      if (d.enters_confirm) ++result_.contests;
      Pair pair;
      if (!d.candidate_first) pair.best = Measure(best_, SamplePhase::kConfirm);
      pair.candidate = Measure(node, SamplePhase::kConfirm);
      if (d.candidate_first) pair.best = Measure(best_, SamplePhase::kConfirm);
      contest.confirm.push_back(pair);
    }
  }

  void Conclude(AttemptId node, const Decision& decision) {
    if (decision.outcome != Outcome::kImproved) return;
    best_ = node;
    ++result_.improved;
    if (!result_.first_improved) result_.first_improved = node;
  }

  void Race() {
    std::vector<Racer> racers = Finalists();
    std::vector<double> baseline;
    const search::Consumption used{
        .finished = static_cast<int>(run_.gains.size()), .samples = samples_};
    const int budget =
        search::Budget(spec_.budget).FinalSamples(used, measured_.Repeats());
    samples_ = 0;
    while (true) {
      const RaceStep step =
          NextRaceStep(spec_, Model(), racers, baseline, budget);
      for (AttemptId node : step.sample) {
        const double x = Measure(node, SamplePhase::kFinal);
        if (node == kRoot) baseline.push_back(x);
        auto racer = std::ranges::find(racers, node, &Racer::node);
        if (racer != racers.end()) racer->fresh.push_back(x);
      }
      if (!step.sample.empty()) continue;
      result_.final_samples = samples_;
      result_.confirmed = step.confirmed;
      result_.winner = *step.winner;
      result_.claimed = step.gain * kBase / run_.shape.sigma;
      result_.winner_true = TrueGain(*step.winner);
      return;
    }
  }

  // As Measurer::ChooseRacers does: what looks better than the baseline, the
  // best first.
  std::vector<Racer> Finalists() const {
    std::vector<Racer> racers;
    for (std::size_t i = 1; i <= run_.gains.size(); ++i) {
      const AttemptId node(static_cast<std::int64_t>(i));
      const auto value = measured_.Value(node);
      if (!value || *value >= *measured_.Value(kRoot)) continue;
      racers.push_back(
          {.node = node, .value = *value, .lines = static_cast<int>(i)});
    }
    auto order = [this](const Racer& a, const Racer& b) {
      if ((a.node == best_) != (b.node == best_)) return a.node == best_;
      return a.value < b.value;
    };
    std::ranges::sort(racers, order);
    racers.resize(std::min<std::size_t>(racers.size(), search::kFinalists));
    return racers;
  }

  const NoisyRun& run_;
  Noise noise_;
  Rng rng_;
  const spec::Spec spec_;
  search::Measurements measured_;
  AttemptId best_ = kRoot;
  std::map<std::pair<AttemptId, SamplePhase>, int> next_index_;
  int samples_ = 0;
  NoisyResult result_;
};

}  // namespace

std::span<const NoiseShape> NoiseShapes() {
  static constexpr NoiseShape kShapes[] = {
      {"normal", Normal, 1.0},  {"lognormal", LogNormal, 0.905},
      {"spiky", Spiky, 0.79},   {"ar1", Wandering, 1.04},
      {"drift", Drifting, 1.0}, {"bimodal", Bimodal, 1.08},
      {"coarse", Coarse, 1.0},
  };
  return kShapes;
}

NoisyResult Run(const NoisyRun& run) { return Runner(run).Go(); }

}  // namespace coppice::testing
