#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/rng.h"
#include "search/budget.h"
#include "search/decide.h"
#include "search/measurements.h"

// Whole runs of Measurements, Decide and NextRaceStep over synthetic programs:
// how often an improvement is claimed that is none, how often a real one is
// found, and how true the reported gain is (AC-07, AC-20, MC-30, MC-34).

namespace coppice::search {
namespace {

constexpr double kBase = 100;
constexpr double kSigma = 1;  // of one sample
constexpr AttemptId kRoot(0);

// A multiple of σ added to a sample. Noise shapes of MEASURE §10.
using Shape = std::function<double(Rng&)>;

double Gaussian(Rng& rng) { return rng.Normal(); }

// Runs that are disturbed, one in ten, and always for the worse.
double Spiky(Rng& rng) {
  const double calm = 0.5 * rng.Normal();
  return rng.Chance(0.1) ? calm + 10 * rng.Uniform() : calm;
}

double LogNormal(Rng& rng) { return std::exp(0.8 * rng.Normal()) - 1; }

double Bimodal(Rng& rng) {
  return (rng.Chance(0.3) ? 2.0 : 0.0) + 0.3 * rng.Normal();
}

double Coarse(Rng& rng) { return std::round(rng.Normal()); }

struct Named {
  std::string name;
  Shape shape;
};
const Named kShapes[] = {{"gaussian", Gaussian},
                         {"spiky", Spiky},
                         {"lognormal", LogNormal},
                         {"bimodal", Bimodal},
                         {"coarse", Coarse}};

struct Claim {
  std::optional<AttemptId> first_improved;
  bool final_confirmed = false;
  AttemptId winner;
  double gain = 0;  // in σ, as reported by the final
};

// One run: a baseline, then candidates of which number i is gains[i - 1]·σ
// faster than the base, then the final.
class Run {
 public:
  Run(Shape shape, std::uint64_t seed, std::vector<double> gains,
      std::optional<int> repeats = {})
      : shape_(std::move(shape)),
        rng_(seed),
        gains_(std::move(gains)),
        spec_(MakeSpec(repeats)),
        measured_(spec_) {}

  Claim Go() {
    for (int i = 0; i < 5; ++i) Measure(kRoot, SamplePhase::kBaseline);
    for (std::size_t i = 1; i <= gains_.size(); ++i) {
      Evaluate(AttemptId(static_cast<std::int64_t>(i)));
    }
    Race();
    return claim_;
  }

 private:
  static spec::Spec MakeSpec(std::optional<int> repeats) {
    spec::Spec spec;
    spec.metric.name = "seconds";
    spec.evaluation.repeats = repeats;
    return spec;
  }

  double Measure(AttemptId node, SamplePhase phase) {
    const double gain =
        node == kRoot ? 0 : gains_[static_cast<std::size_t>(node.value()) - 1];
    eval::Sample sample;
    sample.index = next_index_++;
    sample.phase = phase;
    const double x = kBase + kSigma * (shape_(rng_) - gain);
    sample.metrics = {{"seconds", x}};
    measured_.Add(node, sample);
    ++samples_;
    return x;
  }

  NoiseModel Noise() const {
    return {.sigma = measured_.Sigma(),
            .relative = measured_.relative(),
            .repeats = measured_.Repeats()};
  }

  void Evaluate(AttemptId node) {
    Contest contest;
    while (true) {
      contest.best_value = *measured_.Value(best_);
      const Decision d = Decide(spec_, Noise(), contest);
      if (!d.next) {
        if (d.outcome == Outcome::kImproved) {
          best_ = node;
          if (!claim_.first_improved) claim_.first_improved = node;
        }
        return;
      }
      if (d.next == NextMeasurement::kScreen) {
        contest.screen = Measure(node, SamplePhase::kScreen);
        continue;
      }
      Pair pair;
      if (d.candidate_first) {
        pair.candidate = Measure(node, SamplePhase::kConfirm);
        pair.best = Measure(best_, SamplePhase::kConfirm);
      } else {
        pair.best = Measure(best_, SamplePhase::kConfirm);
        pair.candidate = Measure(node, SamplePhase::kConfirm);
      }
      contest.confirm.push_back(pair);
    }
  }

  void Race() {
    std::vector<Racer> racers = Finalists();
    std::vector<double> baseline;
    const Consumption used{.finished = static_cast<int>(gains_.size()),
                           .samples = samples_};
    const int budget =
        Budget(spec_.budget).FinalSamples(used, measured_.Repeats());
    while (true) {
      const RaceStep step =
          NextRaceStep(spec_, Noise(), racers, baseline, budget);
      for (AttemptId node : step.sample) {
        const double x = Measure(node, SamplePhase::kFinal);
        if (node == kRoot) baseline.push_back(x);
        auto racer = std::ranges::find(racers, node, &Racer::node);
        if (racer != racers.end()) racer->fresh.push_back(x);
      }
      if (!step.sample.empty()) continue;
      claim_.final_confirmed = step.confirmed;
      claim_.winner = *step.winner;
      claim_.gain = step.gain * kBase / kSigma;
      return;
    }
  }

  std::vector<Racer> Finalists() const {
    std::vector<Racer> racers;
    for (std::size_t i = 1; i <= gains_.size(); ++i) {
      const AttemptId node(static_cast<std::int64_t>(i));
      racers.push_back({.node = node,
                        .value = *measured_.Value(node),
                        .lines = static_cast<int>(i)});
    }
    auto order = [this](const Racer& a, const Racer& b) {
      if ((a.node == best_) != (b.node == best_)) return a.node == best_;
      return a.value < b.value;
    };
    std::ranges::sort(racers, order);
    racers.resize(std::min<std::size_t>(racers.size(), kFinalists));
    return racers;
  }

  Shape shape_;
  Rng rng_;
  const std::vector<double> gains_;
  const spec::Spec spec_;
  Measurements measured_;
  AttemptId best_ = kRoot;
  int next_index_ = 0;
  int samples_ = 0;
  Claim claim_;
};

constexpr int kRuns = 200;

TEST_CASE("of 200 runs of equal programs hardly one claims an improvement") {
  for (const Named& noise : kShapes) {
    CAPTURE(noise.name);
    int improved = 0;
    int claimed = 0;
    for (int run = 0; run < kRuns; ++run) {
      const Claim claim = Run(noise.shape, 1000 + static_cast<unsigned>(run),
                              std::vector<double>(100, 0.0))
                              .Go();
      if (claim.first_improved) ++improved;
      if (claim.final_confirmed) ++claimed;
    }
    CHECK(claimed <= kRuns / 20);
    CHECK(improved <= kRuns / 20);
  }
}

struct Power {
  int found = 0;          // the real gain was confirmed in the search
  int won = 0;            // and won the final
  double mean_error = 0;  // reported less true gain of the winner, in σ
};

// A real gain among equal programs, somewhere in the run.
Power Find(double gain, int repeats, std::size_t candidates,
           std::size_t position) {
  Power power;
  for (int run = 0; run < kRuns; ++run) {
    std::vector<double> gains(candidates, 0.0);
    gains[position] = gain;
    const Claim claim =
        Run(Gaussian, 5000 + static_cast<unsigned>(run), gains, repeats).Go();
    const AttemptId real(static_cast<std::int64_t>(position) + 1);
    if (claim.first_improved == real) ++power.found;
    if (claim.winner != real || !claim.final_confirmed) continue;
    ++power.won;
    power.mean_error += claim.gain - gain;
  }
  power.mean_error /= power.won;
  return power;
}

TEST_CASE("a real gain is found, survives the final and is reported truly") {
  struct {
    double gain;
    int repeats;
    std::size_t candidates;
    std::size_t position;
  } const rows[] = {{4, 5, 1, 0},    {4, 5, 30, 10}, {3, 10, 1, 0},
                    {3, 10, 30, 10}, {5, 5, 30, 0},  {5, 5, 30, 29}};
  for (const auto& row : rows) {
    CAPTURE(row.gain);
    CAPTURE(row.candidates);
    const Power power =
        Find(row.gain, row.repeats, row.candidates, row.position);
    CHECK(power.found >= kRuns * 8 / 10);
    CHECK(power.won >= kRuns * 8 / 10);
    CHECK(std::abs(power.mean_error) <= 0.2);
  }
}

}  // namespace
}  // namespace coppice::search
