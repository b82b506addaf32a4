#pragma once

#include <string>
#include <utility>
#include <vector>

#include "search/state.h"

namespace coppice::report {

// Where the baseline was measured, as its lock says: {"tools.git", "2.39"}.
// Raw text; empty without a lock.
std::vector<std::pair<std::string, std::string>> EnvironmentOf(
    const search::State& state);

}  // namespace coppice::report
