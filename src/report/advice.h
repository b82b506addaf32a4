#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "search/state.h"

// What the records say about the search itself (RES-04, RES-08): where its
// time and attempts went, and what would most likely help. Rules over figures
// on record, each with the figure that makes it speak; nothing is guessed.

namespace coppice::report {

// Plain text, sanitized, without a final full stop; escape it for a page.
struct Hint {
  std::string text;
  std::string command;  // that does it; may be empty
};

// What ended the search, and what it mostly waited for or wasted.
std::vector<std::string> Limits(const search::State& state, WallTime now);
// What to try next, the likeliest to help first; never empty once there is a
// baseline.
std::vector<Hint> NextSteps(const search::State& state);

// Measured better than the baseline, yet not confirmed; the best first.
std::vector<AttemptId> NearMisses(const search::State& state);

}  // namespace coppice::report
