#pragma once

#include <cstdint>
#include <optional>

#include "base/json.h"
#include "llm/codec.h"

namespace coppice::llm::wire {

// Collects what a server says a call took: counts may be absent, floats,
// negative or contradict each other.
class UsageReader {
 public:
  // Clamped to [0, 1e12]; a fraction is rounded up. Both make it suspect.
  std::optional<std::int64_t> Count(const Json* value);

  struct Counts {
    std::optional<std::int64_t> input, cached_read, cache_write_5m,
        cache_write_1h, output, reasoning;
  };
  // Parts that are larger than their whole are cut. Estimated, if the input or
  // the output is not told, or both are told as zero.
  TokenUsage Settle(const Counts& counts, const Json& raw);

 private:
  std::int64_t Part(std::optional<std::int64_t> part, std::int64_t whole);

  bool suspect_ = false;
};

}  // namespace coppice::llm::wire
