#pragma once

#include <cstddef>
#include <string>

#include "report/node_record.h"
#include "search/state.h"

namespace coppice::report {

struct TreeStyle {
  std::size_t width = 100;
  // Longer runs of childless attempts that were not kept become one line;
  // 0 shows every attempt.
  std::size_t collapse = 3;
};

// The tree along first parents, rejected attempts included; a merge names its
// other parents. '*' marks the best, '+' improved, '=' measured without a
// confirmed gain, 'x' failed, '-' never measured, '~' under way.
std::string TreeText(const search::State& state, const TreeStyle& style = {});

// {"run", "best", "nodes": [{node, parents, op, outcome, value, gain_pct,
// idea}]}: every attempt, in order.
OrderedJson TreeJson(const search::State& state);

}  // namespace coppice::report
