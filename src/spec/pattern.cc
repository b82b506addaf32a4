#include "spec/pattern.h"

#include <fmt/format.h>

#include <boost/regex.hpp>

#include "base/text.h"

// Boost.Regex, because std::regex recurses once a character.

namespace coppice::spec {
namespace {

constexpr std::size_t kMostBytes = 2000;

// "Unmatched ( or \(.": the sentence without the echo of the pattern.
std::string Reason(const boost::regex_error& e) {
  std::string_view what = e.what();
  what = Trim(what.substr(0, what.find(" The error occurred")));
  if (what.ends_with('.')) what.remove_suffix(1);
  return std::string(what);
}

}  // namespace

std::optional<std::string> PatternComplaint(std::string_view pattern) {
  if (pattern.size() > kMostBytes) {
    return fmt::format("a pattern has at most {} characters", kMostBytes);
  }
  std::size_t groups = 0;
  try {
    groups = boost::regex(pattern.begin(), pattern.end()).mark_count();
  } catch (const boost::regex_error& e) {
    return fmt::format("it is no regular expression: {}", Reason(e));
  }
  if (groups == 1) return std::nullopt;
  return fmt::format(
      "it has {} groups; exactly one, for the value, is needed ((?:...) groups "
      "without counting)",
      groups);
}

bool PatternFound(const std::string& pattern, std::string_view text) {
  return boost::regex_search(text.data(), text.data() + text.size(),
                             boost::regex(pattern), boost::match_single_line);
}

Result<std::vector<Span>> FindGroups(std::string_view pattern,
                                     std::string_view text, std::size_t limit) {
  std::vector<Span> groups;
  try {
    const boost::regex regex(pattern.begin(), pattern.end());
    const boost::cregex_iterator end;
    boost::cregex_iterator match(text.data(), text.data() + text.size(), regex,
                                 boost::match_not_dot_newline);
    for (; match != end && groups.size() < limit; ++match) {
      if (!(*match)[1].matched) continue;
      const auto begin = static_cast<std::size_t>(match->position(1));
      groups.push_back(
          {begin, begin + static_cast<std::size_t>(match->length(1))});
    }
  } catch (const std::runtime_error& e) {  // also: the matcher gave up
    return Error{.code = ErrorCode::kUsage,
                 .what = fmt::format("cannot match `{}`", pattern),
                 .cause = e.what()};
  }
  return groups;
}

}  // namespace coppice::spec
