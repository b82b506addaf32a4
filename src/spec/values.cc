#include "spec/values.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "base/text.h"

namespace coppice::spec {
namespace {

// Longer operators first: ">=" before ">".
constexpr std::array<std::pair<std::string_view, Comparison>, 6> kOperators{{
    {">=", Comparison::kGe},
    {"<=", Comparison::kLe},
    {"==", Comparison::kEq},
    {"!=", Comparison::kNe},
    {">", Comparison::kGt},
    {"<", Comparison::kLt},
}};

struct SecretShape {
  std::string_view prefix;
  std::size_t least;  // characters behind the prefix
};

constexpr std::array<SecretShape, 11> kSecrets{{
    {"sk-", 20},
    {"AIza", 30},
    {"gsk_", 20},
    {"xai-", 20},
    {"hf_", 20},
    {"ghp_", 20},
    {"gho_", 20},
    {"github_pat_", 20},
    {"glpat-", 16},
    {"AKIA", 16},
    {"r8_", 20},
}};

bool IsKeyCharacter(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
         (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
}

bool IsSecretWord(std::string_view word) {
  return std::any_of(
      kSecrets.begin(), kSecrets.end(), [word](const SecretShape& shape) {
        return word.starts_with(shape.prefix) &&
               word.size() >= shape.prefix.size() + shape.least &&
               word.find_first_of("0123456789") != std::string_view::npos;
      });
}

}  // namespace

std::optional<ParsedComparison> ParseComparison(std::string_view text) {
  text = Trim(text);
  for (const auto& [sign, comparison] : kOperators) {
    if (!text.starts_with(sign)) continue;
    const std::string_view bound = Trim(text.substr(sign.size()));
    if (bound == "true") return ParsedComparison{comparison, 1};
    if (bound == "false") return ParsedComparison{comparison, 0};
    const std::optional<double> number = ParseNumber(bound);
    if (!number) return std::nullopt;
    return ParsedComparison{comparison, *number};
  }
  return std::nullopt;
}

std::optional<double> ParsePercentage(std::string_view text) {
  text = Trim(text);
  if (!text.ends_with('%')) return std::nullopt;
  text.remove_suffix(1);
  const std::optional<double> number = ParseNumber(Trim(text));
  if (!number || *number < 0) return std::nullopt;
  return *number / 100;
}

std::string FormatPercentage(double fraction) {
  // Dividing by 100 rounds, so several numbers around 100 * fraction may lead
  // back to it; people wrote the shortest.
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  double candidate = fraction * 100;
  for (int i = 0; i < 3; ++i) candidate = std::nextafter(candidate, 0.0);
  std::string shortest;
  for (int i = 0; i < 7; ++i) {
    const std::string text = FormatNumber(candidate) + "%";
    if (ParsePercentage(text) == fraction &&
        (shortest.empty() || text.size() < shortest.size())) {
      shortest = text;
    }
    candidate = std::nextafter(candidate, kInfinity);
  }
  return shortest;
}

std::string NormalPath(std::string_view path) {
  std::string out;
  const bool directory = path.ends_with('/');
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, end);
    if (!part.empty() && part != ".") {
      if (!out.empty()) out += '/';
      out += part;
    }
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  if (out.empty()) return ".";
  return directory ? out + '/' : out;
}

bool LooksLikeSecret(std::string_view text) {
  while (!text.empty()) {
    const auto begin = std::find_if(text.begin(), text.end(), IsKeyCharacter);
    const auto end = std::find_if_not(begin, text.end(), IsKeyCharacter);
    if (IsSecretWord(std::string_view(begin, end))) return true;
    text = std::string_view(end, text.end());
  }
  return false;
}

}  // namespace coppice::spec
