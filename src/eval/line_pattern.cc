#include "eval/line_pattern.h"

#include <fmt/format.h>

#include <boost/regex.hpp>

// Boost.Regex, because std::regex recurses once a character and a candidate
// chooses the length of the line.

namespace coppice::eval {

struct LinePattern::Compiled {
  boost::regex regex;
};

LinePattern::LinePattern(std::unique_ptr<Compiled> compiled)
    : compiled_(std::move(compiled)) {}
LinePattern::LinePattern(LinePattern&&) noexcept = default;
LinePattern& LinePattern::operator=(LinePattern&&) noexcept = default;
LinePattern::~LinePattern() = default;

Result<LinePattern> LinePattern::Make(std::string_view pattern) {
  try {
    auto compiled = std::make_unique<Compiled>();
    compiled->regex.assign(pattern.begin(), pattern.end());
    return LinePattern(std::move(compiled));
  } catch (const boost::regex_error& e) {
    return Error{.code = ErrorCode::kUsage,
                 .what = fmt::format("`{}` is no regular expression", pattern),
                 .cause = e.what()};
  }
}

std::optional<std::string> LinePattern::Find(std::string_view line) const {
  boost::cmatch groups;
  try {
    if (!boost::regex_search(line.data(), line.data() + line.size(), groups,
                             compiled_->regex)) {
      return std::nullopt;
    }
  } catch (const std::runtime_error&) {
    return std::nullopt;  // the matcher gave up
  }
  const std::size_t group = groups.size() > 1 ? 1 : 0;
  if (!groups[group].matched) return std::nullopt;
  return groups[group].str();
}

}  // namespace coppice::eval
