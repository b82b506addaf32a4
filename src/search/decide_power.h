#pragma once

#include <optional>
#include <string>

#include "search/decide.h"
#include "spec/spec.h"

// How small a gain the decision rule finds: what `check` and reports say of an
// evaluator before anything is spent. Simulated once by bench/noise.cc with
// normal noise; a test holds the figures against the rule.

namespace coppice::search {

// Of candidates truly better than the best by `gain` σ, the share that ends
// `improved` with R repeats, lost ones of the screen included.
double DetectionPower(int repeats, double gain);

// The smallest true gain, in the metric's unit, that ends `improved` in a share
// `power` (between 0.5 and 0.99) of candidates. Not below what a given
// min_improvement leaves.
double MinimalDetectableEffect(const spec::Metric& metric,
                               const NoiseModel& noise, double best,
                               double power = 0.8);

// The fewest repeats that find a gain of `effect` in a share `power`; nothing
// where none do, since the one sample of the screen hides it. Then only less
// noise helps.
std::optional<int> RepeatsToDetect(const spec::Metric& metric,
                                   const NoiseModel& noise, double best,
                                   double effect, double power = 0.8);

// "gains of 2.3% are found in 8 of 10 cases with 5 repeats, gains of 1.5% in 5
// of 10"; for a deterministic metric "every gain above 0% is seen".
std::string SensitivityText(const spec::Metric& metric, const NoiseModel& noise,
                            double best);

}  // namespace coppice::search
