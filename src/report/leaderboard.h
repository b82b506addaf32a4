#pragma once

#include <cstddef>
#include <string>

#include "search/state.h"

namespace coppice::report {

// leaderboard.md (SPEC §4): measured nodes, the best first, then failed
// attempts without a rank. At most `limit` of each, saying how many were left
// out.
std::string Leaderboard(const search::State& state, std::size_t limit = 200);

}  // namespace coppice::report
