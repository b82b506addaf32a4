#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/ids.h"
#include "report/node_record.h"
#include "search/state.h"

namespace coppice::report {

struct TopOptions {
  std::size_t count = 10;
  bool all = false;  // every finished attempt, failed ones after the measured
};

// The attempts that `top` lists, in its order.
std::vector<AttemptId> TopAttempts(const search::State& state,
                                   const TopOptions& options);
std::string TopTable(const search::State& state, const TopOptions& options);
OrderedJson TopJson(const search::State& state, const TopOptions& options);
// RFC 4180; a cell that a spreadsheet would take for a formula is quoted with
// an apostrophe.
std::string TopCsv(const search::State& state, const TopOptions& options);

}  // namespace coppice::report
