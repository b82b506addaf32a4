#include "report/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"

namespace coppice::report {
namespace {

// The longest run of backticks in `text`.
std::size_t LongestTicks(std::string_view text) {
  std::size_t longest = 0;
  std::size_t run = 0;
  for (char c : text) {
    run = c == '`' ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  return longest;
}

std::string Blanks(std::string_view text, std::size_t width) {
  const std::size_t columns = Columns(text);
  return std::string(width > columns ? width - columns : 0, ' ');
}

}  // namespace

std::string Safe(std::string_view text, std::size_t width) {
  return OneLine(Sanitize(text), width);
}

std::string Markdown(std::string_view text, std::size_t width) {
  std::string escaped;
  for (char c : Safe(text, width)) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '\\':
      case '`':
      case '*':
      case '_':
      case '|':
      case '[':
      case ']':
      case '#':
      case '~':
        escaped += '\\';
        escaped += c;
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string Fenced(std::string_view language, std::string_view text) {
  const std::string fence(std::max<std::size_t>(3, LongestTicks(text) + 1),
                          '`');
  std::string clean = Sanitize(text);
  if (!clean.empty() && clean.back() != '\n') clean += '\n';
  return fmt::format("{}{}\n{}{}\n", fence, language, clean, fence);
}

std::size_t Columns(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

std::string Left(std::string_view text, std::size_t width) {
  return std::string(text) + Blanks(text, width);
}

std::string Right(std::string_view text, std::size_t width) {
  return Blanks(text, width) + std::string(text);
}

std::string NodeName(AttemptId attempt) {
  return fmt::format("#{}", attempt.value());
}

std::string Count(std::int64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string Dollars(double usd) {
  if (usd == 0) return "$0";
  return fmt::format("${:.{}f}", usd, usd < 0.01 ? 4 : 2);
}

std::string_view Mark(Outcome outcome) {
  switch (outcome) {
    case Outcome::kBaseline:
      return "o";
    case Outcome::kImproved:
      return "+";
    case Outcome::kValid:
    case Outcome::kInconclusive:
      return "=";
    case Outcome::kDeferred:
      return "?";
    case Outcome::kCancelled:
    case Outcome::kDuplicate:
      return "-";
    default:
      return "x";
  }
}

std::string_view ConfidenceWord(double gain, double noise) {
  const double size = std::abs(gain);
  if (size > 2 * noise) return "high";
  return size >= noise && size > 0 ? "moderate" : "noise";
}

}  // namespace coppice::report
