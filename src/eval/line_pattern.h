#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace coppice::eval {

// A regular expression (Perl syntax) looked for in single lines of output.
class LinePattern {
 public:
  static Result<LinePattern> Make(std::string_view pattern);
  LinePattern(LinePattern&&) noexcept;
  LinePattern& operator=(LinePattern&&) noexcept;
  ~LinePattern();

  // The first group of the first match, or the whole match if the pattern has
  // no group. Nothing as well for a line that is too hard to match.
  std::optional<std::string> Find(std::string_view line) const;

 private:
  struct Compiled;
  explicit LinePattern(std::unique_ptr<Compiled> compiled);

  std::unique_ptr<Compiled> compiled_;
};

}  // namespace coppice::eval
