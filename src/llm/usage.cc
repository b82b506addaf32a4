#include "llm/usage.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace coppice::llm::wire {
namespace {

constexpr double kMostTokens = 1e12;
constexpr std::size_t kMostRaw = std::size_t{16} << 10;

}  // namespace

std::optional<std::int64_t> UsageReader::Count(const Json* value) {
  if (value == nullptr) return std::nullopt;
  if (!value->is_number()) {
    suspect_ = true;
    return std::nullopt;
  }
  const auto told = value->get<double>();
  const double count = std::ceil(std::clamp(told, 0.0, kMostTokens));
  if (count != told) suspect_ = true;
  return static_cast<std::int64_t>(count);
}

TokenUsage UsageReader::Settle(const Counts& counts, const Json& raw) {
  TokenUsage usage{.input_total = counts.input.value_or(0),
                   .output_total = counts.output.value_or(0)};
  usage.estimated = !counts.input || !counts.output ||
                    (usage.input_total == 0 && usage.output_total == 0);
  usage.cached_read = Part(counts.cached_read, usage.input_total);
  std::int64_t left = usage.input_total - usage.cached_read;
  usage.cache_write_5m = Part(counts.cache_write_5m, left);
  left -= usage.cache_write_5m;
  usage.cache_write_1h = Part(counts.cache_write_1h, left);
  usage.reasoning = Part(counts.reasoning, usage.output_total);
  usage.suspect = suspect_;
  usage.raw = DumpCanonical(raw);
  if (usage.raw.size() > kMostRaw) usage.raw.clear();
  return usage;
}

std::int64_t UsageReader::Part(std::optional<std::int64_t> part,
                               std::int64_t whole) {
  const std::int64_t told = part.value_or(0);
  if (told > whole) suspect_ = true;
  return std::min(told, whole);
}

}  // namespace coppice::llm::wire
