#pragma once

#include <string>

#include "search/state.h"

namespace coppice::report {

// The baseline in context (SET-14): value, spread of its samples, noise, and
// how far the target is; empty before it was measured.
std::string BaselineText(const search::State& state);

// What the metric means in use: time and money a day, for the baseline and the
// best. Empty without `usage` in the spec or for a metric that is no time.
std::string ImpactText(const search::State& state);
// The same of one value.
std::string ImpactText(const spec::Spec& spec, double value);

// What is wrong with a judge that scores the texts with known scores further
// off, on average, than half a point of ten (MEA-19); empty if nothing is.
std::string AnchorShiftText(const search::State& state);

}  // namespace coppice::report
