#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/rng.h"

// Searches reduced to what they measure: Measurements, Decide and NextRaceStep
// over synthetic programs, for questions that need thousands of runs.

namespace coppice::testing {

// What is added to a sample, in order of time; may remember what it added.
using Noise = std::function<double(Rng&)>;

struct NoiseShape {
  std::string_view name;
  Noise (*make)();
  double sigma;  // what σ of SPEC §5 comes to over many groups of samples
};

// normal, lognormal, spiky, ar1, drift, bimodal, coarse (MEASURE §10).
std::span<const NoiseShape> NoiseShapes();

struct NoisyRun {
  NoiseShape shape = NoiseShapes().front();
  std::uint64_t seed = 0;
  std::vector<double> gains;  // of the candidates over the base, in σ
  std::optional<int> repeats;
  std::optional<double> min_improvement;  // in σ
  bool screen = true;                     // else every candidate is a contender
  bool more_pairs = true;                 // else SPEC's rule of R pairs alone
  bool final = true;
};

struct NoisyResult {
  std::optional<AttemptId> first_improved;
  int improved = 0;
  int contests = 0;
  int search_samples = 0;  // baseline excluded
  int final_samples = 0;
  double best_shown = 0;  // what the samples of the best say of its gain, in σ
  double best_true = 0;
  bool confirmed = false;  // by the final
  AttemptId winner;
  double claimed = 0;  // gain of the winner as reported, in σ
  double winner_true = 0;
};

NoisyResult Run(const NoisyRun& run);

}  // namespace coppice::testing
