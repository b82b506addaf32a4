#pragma once

#include <string>

#include "base/clock.h"
#include "search/state.h"

namespace coppice::report {

// What the page needs beyond State.
struct ReportInput {
  WallTime now;
  std::string diff;  // of the best against the base; empty without one
};

// report.md (RES-03, RES-05, RES-07, RES-08, RES-10): the result, what was
// tried and why it went as it did, what changed, how it was verified, where
// the effort went, and how to reproduce it.
std::string ReportMarkdown(const search::State& state,
                           const ReportInput& input);

}  // namespace coppice::report
