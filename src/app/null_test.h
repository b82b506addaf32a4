#pragma once

#include <string>
#include <vector>

#include "app/baseline.h"

// check --null (SET-10, MEASURE §8): trees that cannot be better must not be
// found better by the very rule that the search decides by.

namespace coppice::app {

struct NullVariant {
  std::string name;     // "src/a.py emptied"
  std::string outcome;  // of its contest with the base
  std::string reason;
  bool improved = false;
};

struct NullResult {
  int contests = 0;      // of the unchanged tree with itself
  int false_claims = 0;  // of those that called one of the two better
  int samples = 0;       // taken in all
  std::vector<NullVariant> variants;
};

// Measures the unchanged tree against itself several times; then a change that
// changes nothing, every mutable file emptied, and every one of a known
// language that prints a better metric by itself. Errors: kLost, kIo.
Task<Result<NullResult>> RunNullTest(Project& project, Workbench& bench,
                                     const Baseline& baseline);

// For people; a line each.
std::vector<std::string> NullLines(const NullResult& result);

// kCheck, with the variant that the evaluator takes for an improvement.
Result<void> JudgeNullTest(const NullResult& result);

}  // namespace coppice::app
