#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>

#include "base/text.h"
#include "search/decide.h"
#include "search/decide_pairs.h"

// Successive halving on fresh samples alone (SEARCH §3.7). The budget is split
// evenly over the rungs 8 -> 4 -> 2; on each rung every racer and the baseline
// get the same number of samples, taken in rounds, each in an order drawn by
// the seed, so that drift hits all alike. A rung is decided by the samples that
// all its racers have, so the race follows from the samples and may be
// interrupted anywhere. Where nothing is noisy one sample each is enough.
//
// A winner whose gain stays below the threshold meets the baseline in further
// rounds while a signed-rank test finds it promising (decide_pairs.cc). The
// test knows only the rounds since the last rung began: those before chose who
// is on it. That the last rung chooses between two halves the test's alpha.

namespace coppice::search {
namespace {

constexpr AttemptId kBaselineNode(0);
constexpr std::size_t kMostWeighed = 200;  // rounds; more prove no more

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

// Samples that the winner and the baseline may take after the last rung.
int ExtensionSamples(const NoiseModel& noise) {
  return 2 * FinalExtension(noise.repeats);
}

std::vector<Rung> PlanRungs(std::size_t racers, const NoiseModel& noise,
                            int budget) {
  if (IsDeterministic(noise)) return {{.racers = racers, .samples = 1}};
  std::vector<Rung> rungs;
  for (std::size_t n = racers; n > 2; n = (n + 1) / 2) rungs.push_back({n, 0});
  rungs.push_back({std::min<std::size_t>(racers, 2), 0});
  const std::size_t share =
      static_cast<std::size_t>(std::max(0, budget - ExtensionSamples(noise))) /
      rungs.size();
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
      if (i + 1 == rungs.size()) {
        return Finish(rungs[i].samples, i == 0 ? 0 : rungs[i - 1].samples);
      }
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
    Shuffle(round, fewest);
    return round;
  }

  // The order of a round is its own, also if only its rest is taken.
  void Shuffle(std::vector<AttemptId>& round, std::size_t number) const {
    std::ranges::sort(round, {}, [&](AttemptId node) {
      return std::pair(RoundKey(spec_.search.seed, node, number), node);
    });
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
  // simplest. Who has gone on to meet the baseline is chosen already.
  const Racer* Winner(std::size_t samples) const {
    auto went_on = std::ranges::find_if(field_, [&](const Racer* racer) {
      return racer->fresh.size() > samples;
    });
    if (went_on != field_.end()) return *went_on;
    const double top = ValueOf(field_.front()->fresh, samples);
    const double tie = Threshold(spec_.metric, noise_, top, Repeats());
    const Racer* winner = field_.front();
    for (const Racer* racer : field_) {
      const double behind = sign_ * (top - ValueOf(racer->fresh, samples));
      if (behind <= tie && IsSimpler(racer, winner)) winner = racer;
    }
    return winner;
  }

  // Whether the winner beats the baseline, or what to sample to know it. The
  // test begins with round `since`, where the last rung did.
  RaceStep Finish(std::size_t samples, std::size_t since) const {
    const Racer& winner = *Winner(samples);
    const std::size_t of_winner = winner.fresh.size();
    const std::size_t met = std::min(of_winner, baseline_.size());
    if (of_winner == met + 1) return {.sample = {kBaselineNode}};
    if (baseline_.size() == met + 1) return {.sample = {winner.node}};
    since = std::max(since, samples - std::min(samples, kMostWeighed));
    const PairTest test =
        FinalTest(noise_.repeats, static_cast<int>(samples - since),
                  static_cast<int>(field_.size()));
    if (met > samples && static_cast<int>(met - since) < test.last &&
        !IsLook(test, met - since)) {
      return AnotherRound(winner, met);
    }
    const double before = ValueOf(baseline_, met);
    const double gain = sign_ * (ValueOf(winner.fresh, met) - before);
    const double threshold = Threshold(spec_.metric, noise_, before, Repeats());
    const double effect = Effect(spec_.metric, noise_, before);
    Weighed weighed;
    if (gain > 0 && gain <= threshold && effect < threshold) {
      weighed = Weigh(test, GainsSince(winner, since, met));
    }
    if (weighed.proof == Proof::kMore) return AnotherRound(winner, met);
    const bool proven = weighed.proof == Proof::kBetter && gain > effect;
    RaceStep step{.winner = winner.node,
                  .gain = before == 0 ? gain : gain / std::abs(before),
                  .confirmed = gain > threshold || proven,
                  .word = Word(gain, noise_.Noise(before))};
    if (proven && step.word == "noise") step.word = "moderate";
    step.reason = fmt::format(
        "{}gain {} {} threshold {} over {} fresh sample{} each{}",
        step.confirmed ? "" : "no improvement: ", ShareOf(gain, before),
        gain > threshold ? ">" : "<=", ShareOf(threshold, before), met,
        met == 1 ? "" : "s",
        proven ? fmt::format(", proven by their order: signed-rank p {}",
                             FormatShort(weighed.chance, 2))
               : "");
    return step;
  }

  RaceStep AnotherRound(const Racer& winner, std::size_t met) const {
    RaceStep step{.sample = {kBaselineNode, winner.node}};
    Shuffle(step.sample, met);
    return step;
  }

  std::vector<double> GainsSince(const Racer& winner, std::size_t since,
                                 std::size_t met) const {
    std::vector<double> gains;
    for (std::size_t i = since; i < met; ++i) {
      gains.push_back(sign_ * (winner.fresh[i] - baseline_[i]));
    }
    return gains;
  }

  int Repeats() const { return static_cast<int>(FinalRepeats(noise_)); }

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
  if (!IsDeterministic(noise)) {
    total += static_cast<std::size_t>(ExtensionSamples(noise));
  }
  return static_cast<int>(total);
}

}  // namespace coppice::search
