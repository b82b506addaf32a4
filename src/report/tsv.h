#pragma once

#include <string>

#include "search/state.h"

namespace coppice::report {

// results.tsv (SPEC §4): the direction, a header, the baseline, then finished
// attempts as they finished. Gains are percents against the baseline, positive
// = better.
std::string ResultsTsv(const search::State& state);

}  // namespace coppice::report
