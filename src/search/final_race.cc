#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>

#include "search/decide.h"

// Successive halving on fresh samples alone (SEARCH §3.7). The budget is split
// evenly over the rungs 8 -> 4 -> 2; on each rung every racer and the baseline
// get the same number of samples, taken in rounds, every other round in
// reverse, so that drift hits all alike. A rung is decided by the samples that
// all its racers have, so the race follows from the samples and may be
// interrupted anywhere. Where nothing is noisy one sample each is enough.

namespace coppice::search {
namespace {

constexpr AttemptId kBaselineNode(0);

struct Rung {
  std::size_t racers = 0;
  std::size_t samples = 0;  // of each by its end, earlier rungs included
};

// R = 1 alone may be the user's wish, σ = 0 alone a metric that rarely moves.
bool IsDeterministic(const NoiseModel& noise) {
  return noise.sigma == 0 && noise.repeats <= 1;
}

std::size_t FinalRepeats(const NoiseModel& noise) {
  return 2 * static_cast<std::size_t>(std::max(1, noise.repeats));
}

std::vector<Rung> PlanRungs(std::size_t racers, const NoiseModel& noise,
                            int budget) {
  if (IsDeterministic(noise)) return {{.racers = racers, .samples = 1}};
  std::vector<Rung> rungs;
  for (std::size_t n = racers; n > 2; n = (n + 1) / 2) rungs.push_back({n, 0});
  rungs.push_back({std::min<std::size_t>(racers, 2), 0});
  const std::size_t share =
      static_cast<std::size_t>(std::max(0, budget)) / rungs.size();
  std::size_t samples = 0;
  for (Rung& rung : rungs) {
    samples += std::max<std::size_t>(1, share / (rung.racers + 1));
    rung.samples = samples;
  }
  rungs.back().samples = std::max(samples, FinalRepeats(noise));
  return rungs;
}

class Race {
 public:
  Race(const spec::Spec& spec, const NoiseModel& noise,
       std::span<const Racer> racers, std::span<const double> baseline)
      : spec_(spec),
        noise_(noise),
        sign_(spec::Sign(spec.metric.direction)),
        baseline_(baseline) {
    for (const Racer& racer : racers) field_.push_back(&racer);
    std::ranges::sort(field_, [this](const Racer* a, const Racer* b) {
      if (a->value != b->value) return sign_ * (a->value - b->value) > 0;
      return a->node < b->node;
    });
  }

  RaceStep Next(const std::vector<Rung>& rungs) {
    for (std::size_t i = 0;; ++i) {
      std::vector<AttemptId> round = NextRound(rungs[i].samples);
      if (!round.empty()) return {.sample = std::move(round)};
      Rank(rungs[i].samples);
      if (i + 1 == rungs.size()) return Finish(rungs[i].samples);
      field_.resize(rungs[i + 1].racers);
    }
  }

 private:
  // Who has fewest samples of those that still lack some.
  std::vector<AttemptId> NextRound(std::size_t target) const {
    std::size_t fewest = baseline_.size();
    for (const Racer* racer : field_) {
      fewest = std::min(fewest, racer->fresh.size());
    }
    std::vector<AttemptId> round;
    if (fewest >= target) return round;
    if (baseline_.size() == fewest) round.push_back(kBaselineNode);
    for (const Racer* racer : field_) {
      if (racer->fresh.size() == fewest) round.push_back(racer->node);
    }
    if (fewest % 2 == 1) std::ranges::reverse(round);
    return round;
  }

  double ValueOf(std::span<const double> fresh, std::size_t samples) const {
    const auto used = fresh.first(samples);
    return Aggregate(spec_.evaluation.aggregation, {used.begin(), used.end()});
  }

  static bool IsSimpler(const Racer* a, const Racer* b) {
    if (a->lines != b->lines) return a->lines < b->lines;
    if (a->net_deleted != b->net_deleted) {
      return a->net_deleted > b->net_deleted;
    }
    return a->node < b->node;
  }

  void Rank(std::size_t samples) {
    auto better = [&](const Racer* a, const Racer* b) {
      const double va = ValueOf(a->fresh, samples);
      const double vb = ValueOf(b->fresh, samples);
      return va == vb ? IsSimpler(a, b) : sign_ * (va - vb) > 0;
    };
    std::ranges::sort(field_, better);
  }

  // Of those as good as the first, as far as their samples can tell, the
  // simplest; then whether it beats the baseline.
  RaceStep Finish(std::size_t samples) const {
    const int repeats = static_cast<int>(FinalRepeats(noise_));
    const double top = ValueOf(field_.front()->fresh, samples);
    const double tie = Threshold(spec_.metric, noise_, top, repeats);
    const Racer* winner = field_.front();
    for (const Racer* racer : field_) {
      const double behind = sign_ * (top - ValueOf(racer->fresh, samples));
      if (behind <= tie && IsSimpler(racer, winner)) winner = racer;
    }
    const double before = ValueOf(baseline_, samples);
    const double gain = sign_ * (ValueOf(winner->fresh, samples) - before);
    const double threshold = Threshold(spec_.metric, noise_, before, repeats);
    const bool confirmed = gain > threshold;
    return {.winner = winner->node,
            .gain = before == 0 ? gain : gain / std::abs(before),
            .confirmed = confirmed,
            .word = Word(gain, noise_.Noise(before)),
            .reason = fmt::format(
                "{}gain {} {} threshold {} over {} fresh "
                "sample{} each",
                confirmed ? "" : "no improvement: ", ShareOf(gain, before),
                confirmed ? ">" : "<=", ShareOf(threshold, before), samples,
                samples == 1 ? "" : "s")};
  }

  static std::string Word(double gain, double noise) {
    if (std::abs(gain) > 2 * noise) return "high";
    return gain != 0 && std::abs(gain) >= noise ? "moderate" : "noise";
  }

  const spec::Spec& spec_;
  const NoiseModel& noise_;
  const int sign_;
  const std::span<const double> baseline_;
  std::vector<const Racer*> field_;  // still in the race, best first
};

}  // namespace

RaceStep NextRaceStep(const spec::Spec& spec, const NoiseModel& noise,
                      std::span<const Racer> racers,
                      std::span<const double> baseline_fresh, int budget) {
  if (racers.empty()) {
    return {.winner = kBaselineNode,
            .word = "noise",
            .reason = "no improvement: nothing to compare with the baseline"};
  }
  return Race(spec, noise, racers, baseline_fresh)
      .Next(PlanRungs(racers.size(), noise, budget));
}

int SmallestRace(int racers, const NoiseModel& noise) {
  if (racers <= 0) return 0;
  std::size_t total = 0;
  std::size_t before = 0;
  for (const Rung& rung :
       PlanRungs(static_cast<std::size_t>(racers), noise, 0)) {
    total += (rung.racers + 1) * (rung.samples - before);
    before = rung.samples;
  }
  return static_cast<int>(total);
}

}  // namespace coppice::search
