#pragma once

#include <optional>
#include <span>
#include <string>

#include "search/decide.h"
#include "spec/spec.h"

// What is too good to be true (SPEC §5 "Flags", MEASURE §10.8). Pure.

namespace coppice::search {

// Better than the best by more than 10 times, either side of zero alike, or
// exactly on a bound of what is possible at all.
bool TooGoodToBeTrue(const spec::Metric& metric, double screen, double best);

// Five samples or more: all of the candidate's the same, no two of the best's.
bool OnlyOneVaries(std::span<const Pair> pairs);

// Seconds that the metric claims to save and a clock outside does not see: why
// the gain is not believed. Nothing where the metric is no time, where its
// baseline explains less than half of what the clock showed, and where the
// clock is too noisy to tell.
std::optional<std::string> UnseenOutside(const spec::Spec& spec,
                                         const Contest& contest, double gain);

}  // namespace coppice::search
