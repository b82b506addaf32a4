#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "llm/edit_lines.h"

namespace coppice::llm {

// Lines of files in replies: printable, and of bounded length.

// "`  int x = 0;`"
std::string Quoted(std::string_view line);

// The lines of `range`, numbered, the one at `marked` with a '>' before it:
//     119     while (p < end) {
//   > 120       if (*p == kQuote) {
std::string Numbered(const LineTable& table, const LineRange& range,
                     std::optional<std::size_t> marked);

}  // namespace coppice::llm
