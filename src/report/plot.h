#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "search/state.h"

namespace coppice::report {

// The value of the best after each finished attempt; the baseline first.
std::vector<double> BestSoFar(const search::State& state);

struct PlotStyle {
  std::size_t width = 72;
  std::size_t height = 12;
};

// Best so far ('#') and the other measured nodes ('.') over finished attempts,
// as text. Values far outside the range of the best stand on the border.
std::string PlotText(const search::State& state, const PlotStyle& style = {});

}  // namespace coppice::report
