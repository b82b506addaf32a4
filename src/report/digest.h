#pragma once

#include <string>

#include "search/state.h"

namespace coppice::report {

// digest.md: what has been learned so far on one page: the best five, the last
// attempts, counts by outcome and category, failures that repeat as
// "Do not: ...", lessons.
std::string DigestMarkdown(const search::State& state);

}  // namespace coppice::report
