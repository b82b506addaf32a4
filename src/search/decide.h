#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/outcome.h"
#include "search/measurements.h"
#include "spec/spec.h"

// The decision rule (SPEC §5) as pure functions: samples in, the next
// measurement or an outcome with its reason out. No state, no clock, no I/O.

namespace coppice::search {

enum class NextMeasurement {
  kScreen,       // one screen sample of the candidate
  kConfirmPair,  // one fresh pair of candidate and best
  kHoldoutPair,  // one fresh pair of the holdout
};

struct Decision {
  std::optional<NextMeasurement> next;
  bool candidate_first = true;  // who goes first in the pair
  bool enters_confirm = false;  // true with the first pair: wait for the turn
  // Without `next`:
  Outcome outcome = Outcome::kValid;
  std::string reason;  // rule and evidence: "gain 0.8% <= threshold 1.2%"
  // suspicious (with `next` too: sample it in a clean checkout), unconfirmed,
  // overfit.
  std::vector<std::string> flags;
};

// Fresh pairs, in the order they were taken.
struct Pair {
  double candidate = 0;
  double best = 0;
};

// A sample's value, and how long it took by the clock of the sandbox.
struct ClockedSample {
  double value = 0;
  double seconds = 0;
};

struct Contest {
  AttemptId candidate;           // with the seed: who goes first in a pair
  std::optional<double> screen;  // score of the screen sample
  std::map<std::string, double> screen_metrics;
  double best_value = 0;  // v(best) of this moment
  std::vector<Pair> confirm;
  // Seconds that the samples of `confirm` took, where they are known.
  std::vector<Pair> clock;
  std::vector<ClockedSample> baseline_clock;
  bool more_pairs = true;  // is there time for more than R, if promising?
  std::map<std::string, double> confirm_numbers;   // A(c) of every guard
  std::map<std::string, double> baseline_numbers;  // v(baseline) of guards
  std::vector<Pair> holdout;
  double holdout_sigma = 0;
};

struct NoiseModel {
  double sigma = 0;
  bool relative = false;
  int repeats = 1;  // R
  double Noise(double value) const;
};

// e and τ(R) of SPEC §5 for a best of value `best`.
double Effect(const spec::Metric& metric, const NoiseModel& noise, double best);
double Threshold(const spec::Metric& metric, const NoiseModel& noise,
                 double best, int repeats);

// The repeats at which the noise term of τ falls to a given min_improvement;
// nothing where R is enough or the effect is `auto` (SPEC §5 "Effect").
std::optional<int> RepeatsNeeded(const spec::Metric& metric,
                                 const NoiseModel& noise, double best);

Decision Decide(const spec::Spec& spec, const NoiseModel& noise,
                const Contest& contest);

// "12.3%" of |base|; the amount itself where base is 0.
std::string ShareOf(double amount, double base);

// A gate or guard that does not hold, as "recall: 0.93 >= 0.95 fails"; the
// number has to be there.
std::optional<std::string> FailedGate(
    const spec::Metric& metric, const std::map<std::string, double>& numbers);
std::optional<std::string> FailedGuard(
    const spec::Metric& metric, const std::map<std::string, double>& numbers,
    const std::map<std::string, double>& baseline);

// ---- The final race (SPEC §5 "Ties", SEARCH §3.7) -------------------------
// The given nodes (best and runners-up: at most kFinalists, but for the bests
// of many chains), halved from rung to rung, fresh interleaved samples, at
// least 2R for the last two and the baseline. A winner whose gain is promising
// but below the threshold meets the baseline up to 2R times more.

inline constexpr int kFinalists = 8;

struct Racer {
  AttemptId node;
  double value = 0;  // v before the race: the seeding
  int lines = 0;     // changed against base, for ties
  int net_deleted = 0;
  std::vector<double> fresh;  // samples of the race alone
};

struct RaceStep {
  // Nodes to sample once each, in this order; baseline = attempt 0. Empty: the
  // race is over. A racer that can no longer be sampled must leave `racers`.
  std::vector<AttemptId> sample;
  std::optional<AttemptId> winner;  // when over; the baseline: no racers
  double gain = 0;  // fraction against the baseline's fresh samples
  bool confirmed = false;
  std::string word;  // high, moderate, noise
  std::string reason;
};

// The next round of a race from what it has so far; a pure function, so that
// a resumed race goes on where it was. `budget` = samples kept for it.
RaceStep NextRaceStep(const spec::Spec& spec, const NoiseModel& noise,
                      std::span<const Racer> racers,
                      std::span<const double> baseline_fresh, int budget);
// Samples that a race of so many nodes may take however small its budget: its
// shortest rungs, and the rounds that a promising winner gets after them.
int SmallestRace(int racers, const NoiseModel& noise);

}  // namespace coppice::search
