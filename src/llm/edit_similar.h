#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "llm/edit_lines.h"

namespace coppice::llm {

inline constexpr double kSimilar = 0.6;  // below it nothing is worth showing

// A region of a file that resembles wanted lines: twice the lines in common,
// in order and blanks at either end apart, over the lines of both.
struct SimilarRegion {
  LineRange lines;
  double ratio = 0;
  std::size_t differs = 0;  // the first line that does, in the file
};

// The most similar region, if any is similar. Suggests, never applies.
std::optional<SimilarRegion> MostSimilar(
    std::span<const std::string_view> wanted, const LineTable& table);

// The line most similar to the longest of `wanted`, letter by letter: for
// texts of which no line stands in the file as it is.
struct SimilarLine {
  std::size_t line = 0;
  double ratio = 0;
};
std::optional<SimilarLine> MostSimilarLine(
    std::span<const std::string_view> wanted, const LineTable& table);

}  // namespace coppice::llm
