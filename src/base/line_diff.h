#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

namespace coppice {

// The lines of `text`, each with its '\n'; only the last may lack it. Views
// into `text`.
std::vector<std::string_view> LinesWithEnds(std::string_view text);

// Lines [old_begin, old_end) give way to lines [new_begin, new_end).
struct LineChange {
  std::size_t old_begin = 0;
  std::size_t old_end = 0;
  std::size_t new_begin = 0;
  std::size_t new_end = 0;

  friend bool operator==(const LineChange&, const LineChange&) = default;
};

// A shortest list of changes from `before` to `after`, in order, with at
// least one unchanged line between two. Parts that differ in more than some
// thousand lines are replaced as a whole.
std::vector<LineChange> DiffLines(std::span<const std::string_view> before,
                                  std::span<const std::string_view> after);

}  // namespace coppice
