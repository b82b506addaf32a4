#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/text.h"

namespace coppice {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

std::size_t CountDigits(std::string_view text) {
  std::size_t n = 0;
  while (n < text.size() && IsDigit(text[n])) ++n;
  return n;
}

// d+[.d*] | .d+, then ([eE][+-]?d+)?; the sign is gone already.
bool IsUnsignedNumber(std::string_view text) {
  const std::size_t whole = CountDigits(text);
  text.remove_prefix(whole);
  std::size_t fraction = 0;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    fraction = CountDigits(text);
    text.remove_prefix(fraction);
  }
  if (whole + fraction == 0) return false;
  if (text.empty()) return true;
  if (text[0] != 'e' && text[0] != 'E') return false;
  text.remove_prefix(1);
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) {
    text.remove_prefix(1);
  }
  return !text.empty() && CountDigits(text) == text.size();
}

std::string WithoutTrailingZeros(std::string text) {
  if (text.find('.') == std::string::npos) return text;
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

}  // namespace

std::optional<double> ParseNumber(std::string_view token) {
  const bool negative = token.starts_with('-');
  if (negative || token.starts_with('+')) token.remove_prefix(1);
  if (!IsUnsignedNumber(token)) return std::nullopt;
  double value = 0;
  const char* end = token.data() + token.size();
  const auto [stopped, error] = std::from_chars(token.data(), end, value);
  if (error != std::errc() || stopped != end) return std::nullopt;
  return negative && value != 0 ? -value : value;
}

std::string FormatNumber(double value) {
  if (value == 0) return "0";
  std::array<char, 400> buffer;
  // Whole numbers in full: "100000" rather than "1e+05".
  const bool whole = std::fabs(value) < 1e15 && value == std::trunc(value);
  char* end = buffer.data() + buffer.size();
  const auto result =
      whole ? std::to_chars(buffer.data(), end, value, std::chars_format::fixed)
            : std::to_chars(buffer.data(), end, value);
  return std::string(buffer.data(), result.ptr);
}

std::string FormatShort(double value, int digits) {
  if (value == 0) return "0";
  const double size = std::fabs(value);
  if (!std::isfinite(value) || size < 1e-4 || size >= 1e12) {
    return fmt::format("{:.{}g}", value, digits);
  }
  const int magnitude = static_cast<int>(std::floor(std::log10(size)));
  const int decimals = std::max(0, digits - 1 - magnitude);
  return WithoutTrailingZeros(fmt::format("{:.{}f}", value, decimals));
}

std::string FormatPercent(double fraction) {
  const double tenths = std::round(fraction * 1000) + 0.0;
  return fmt::format("{:+.1f}%", tenths / 10);
}

std::string FormatDuration(double seconds) {
  seconds = std::max(0.0, seconds);
  if (seconds < 59.95) return fmt::format("{:.1f}s", seconds);
  const double rounded = std::round(seconds);
  const double minutes = std::floor(rounded / 60);
  if (minutes < 60) {
    return fmt::format("{:.0f}m {:02.0f}s", minutes, rounded - 60 * minutes);
  }
  const double hours = std::floor(minutes / 60);
  return fmt::format("{:.0f}h {:02.0f}m", hours, minutes - 60 * hours);
}

}  // namespace coppice
