#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

// Regular expressions of a spec: Perl syntax, '.' stops at line ends, ^ and $
// match at them.

namespace coppice::spec {

// What is wrong with a pattern, as a clause; nothing if it compiles and has
// exactly one group.
std::optional<std::string> PatternComplaint(std::string_view pattern);

// Does a pattern known to be right match somewhere in `text`?
bool PatternFound(const std::string& pattern, std::string_view text);

// Bytes [begin, end) of a text.
struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;

  friend bool operator==(const Span&, const Span&) = default;
};

// The group of every match, at most `limit` of them.
Result<std::vector<Span>> FindGroups(std::string_view pattern,
                                     std::string_view text, std::size_t limit);

}  // namespace coppice::spec
