#include "llm/numbers.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <limits>

namespace coppice::llm {
namespace {

// Of C, C++, Java, C#, Rust and Python, in lower case.
constexpr std::string_view kIntegerSuffixes[] = {
    "",   "u",  "l",   "ul",  "lu",  "ll",  "ull", "llu", "z",     "uz",
    "i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64", "isize", "usize"};
constexpr std::string_view kRealSuffixes[] = {"",  "f",   "l",   "d",  "m",
                                              "j", "f16", "f32", "f64"};

struct Parts {
  bool negative = false;
  std::string digits;  // without separators
  std::string_view suffix;
  bool real = false;
};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

Parts Split(std::string_view literal) {
  Parts parts;
  if (literal.starts_with('-')) {
    parts.negative = true;
    literal.remove_prefix(1);
  }
  std::size_t i = 0;
  for (; i < literal.size(); ++i) {
    const char c = literal[i];
    if (c == '\'' ||
        (c == '_' && i + 1 < literal.size() && IsDigit(literal[i + 1])))
      continue;
    const bool exponent = (c == 'e' || c == 'E') && i + 1 < literal.size() &&
                          (IsDigit(literal[i + 1]) ||
                           (i + 2 < literal.size() && IsDigit(literal[i + 2]) &&
                            (literal[i + 1] == '+' || literal[i + 1] == '-')));
    if (exponent) {
      parts.real = true;
      parts.digits += c;
      if (!IsDigit(literal[i + 1])) parts.digits += literal[++i];
      continue;
    }
    if (!IsDigit(c) && c != '.') break;
    parts.real |= c == '.';
    parts.digits += c;
  }
  parts.suffix = literal.substr(i);
  return parts;
}

template <std::size_t N>
bool Knows(const std::string_view (&suffixes)[N], std::string_view suffix) {
  std::string lower(suffix.substr(suffix.starts_with('_') ? 1 : 0));
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return std::ranges::find(suffixes, lower) != std::end(suffixes);
}

std::optional<std::int64_t> Whole(std::int64_t value, NumberChange change) {
  // Twice the value and one more must fit.
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() / 4;
  if (value > kMost || value < -kMost) return std::nullopt;
  const auto exact = static_cast<long double>(value);
  switch (change) {
    case NumberChange::kHalf:
      return value / 2;
    case NumberChange::kTenthLess:
      return std::llround(exact * 0.9L);
    case NumberChange::kTenthMore:
      return std::llround(exact * 1.1L);
    case NumberChange::kDouble:
      return value * 2;
    case NumberChange::kOneMore:
      return value + 1;
    case NumberChange::kOneLess:
      return value - 1;
    case NumberChange::kNegate:
      return -value;
  }
  return std::nullopt;
}

double Real(double value, NumberChange change) {
  switch (change) {
    case NumberChange::kHalf:
      return value * 0.5;
    case NumberChange::kTenthLess:
      return value * 0.9;
    case NumberChange::kTenthMore:
      return value * 1.1;
    case NumberChange::kDouble:
      return value * 2;
    case NumberChange::kOneMore:
      return value + 1;
    case NumberChange::kOneLess:
      return value - 1;
    case NumberChange::kNegate:
      return -value;
  }
  return value;
}

}  // namespace

std::optional<std::string> ChangedNumber(std::string_view literal,
                                         NumberChange change) {
  const Parts parts = Split(literal);
  const char* begin = parts.digits.data();
  const char* end = begin + parts.digits.size();
  if (!parts.real && Knows(kIntegerSuffixes, parts.suffix)) {
    std::int64_t value = 0;
    if (std::from_chars(begin, end, value).ptr != end || begin == end)
      return std::nullopt;
    if (parts.negative) value = -value;
    const std::optional<std::int64_t> changed = Whole(value, change);
    if (!changed || *changed == value) return std::nullopt;
    return fmt::format("{}{}", *changed, parts.suffix);
  }
  if (!Knows(kRealSuffixes, parts.suffix)) return std::nullopt;
  double value = 0;
  const auto [stop, error] = std::from_chars(begin, end, value);
  if (stop != end || error != std::errc() || begin == end) return std::nullopt;
  if (parts.negative) value = -value;
  const double changed = Real(value, change);
  if (!std::isfinite(changed) || changed == value) return std::nullopt;
  std::string text = fmt::format("{:.6g}", changed);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  if (text == fmt::format("{:.6g}", value)) return std::nullopt;
  return text + std::string(parts.suffix);
}

}  // namespace coppice::llm
