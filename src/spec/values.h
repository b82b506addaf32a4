#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "spec/spec.h"

// Small values that a spec writes as text.

namespace coppice::spec {

struct ParsedComparison {
  Comparison comparison = Comparison::kGe;
  double bound = 0;
};

// ">= 0.95", "== true".
std::optional<ParsedComparison> ParseComparison(std::string_view text);

// "5%" is 0.05; nothing for another text or a negative percentage.
std::optional<double> ParsePercentage(std::string_view text);
// The shortest text that ParsePercentage reads back as `fraction`.
std::string FormatPercentage(double fraction);

// "./a//b/./c/" is "a/b/c/"; "." stays.
std::string NormalPath(std::string_view path);

// Does some word look like the key of a model provider or a code host?
bool LooksLikeSecret(std::string_view text);

}  // namespace coppice::spec
