#include "llm/knobs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/text.h"

namespace coppice::llm {

namespace {

// A value of the range as it is written into the file.
std::string Written(const spec::Knob& knob, double value) {
  const auto [low, high] = *knob.range;
  if (!knob.integer) return fmt::format("{:.4g}", std::clamp(value, low, high));
  const double whole =
      std::clamp(std::round(value), std::ceil(low), std::floor(high));
  return fmt::format("{}", static_cast<long long>(whole));
}

double DrawFromRange(const spec::Knob& knob, Rng& rng) {
  const auto [low, high] = *knob.range;
  if (knob.logarithmic)
    return low * std::exp(rng.Uniform() * std::log(high / low));
  // Whole numbers: each an interval of one, the outermost as well.
  const double margin = knob.integer ? 0.5 : 0;
  return low - margin + rng.Uniform() * (high - low + 2 * margin);
}

double StepFrom(const spec::Knob& knob, double value, Rng& rng) {
  const auto [low, high] = *knob.range;
  const double sign = rng.Chance(0.5) ? 1 : -1;
  const bool by_one = knob.integer && rng.Chance(0.5);
  if (by_one) return value + sign;
  if (knob.logarithmic) return value * std::pow(high / low, sign * 0.1);
  const double tenth = (high - low) / 10;
  return value + sign * (knob.integer ? std::max(1.0, tenth) : tenth);
}

}  // namespace

std::optional<std::string> OtherValue(const spec::Knob& knob,
                                      std::string_view current, Rng& rng) {
  if (knob.range) {
    constexpr int kTries = 20;
    for (int i = 0; i < kTries; ++i) {
      std::string value = Written(knob, DrawFromRange(knob, rng));
      if (value != current) return value;
    }
    return std::nullopt;
  }
  std::vector<const std::string*> others;
  for (const std::string& value : knob.values)
    if (value != current) others.push_back(&value);
  if (others.empty()) return std::nullopt;
  return *others[rng.Below(others.size())];
}

std::optional<std::string> NeighbourValue(const spec::Knob& knob,
                                          std::string_view current, Rng& rng) {
  if (knob.range) {
    const std::optional<double> now = ParseNumber(current);
    if (!now) return std::nullopt;
    std::string value = Written(knob, StepFrom(knob, *now, rng));
    if (value == current) return std::nullopt;
    return value;
  }
  const auto at = std::ranges::find(knob.values, current);
  if (at == knob.values.end()) return std::nullopt;
  const bool up = rng.Chance(0.5);
  if (up ? at + 1 == knob.values.end() : at == knob.values.begin())
    return std::nullopt;
  return up ? *(at + 1) : *(at - 1);
}

}  // namespace coppice::llm
