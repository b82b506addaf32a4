#include <algorithm>
#include <cmath>

#include "llm/codec.h"

namespace coppice::llm {
namespace {

constexpr int kEnoughSeen = 5;
constexpr double kNewest = 0.2;
constexpr double kMargin = 1.1;
constexpr double kMostPerByte = 1 / 1.5;
constexpr double kLeastPerByte = 1 / 6.0;

}  // namespace

void TokenEstimator::Observe(std::int64_t bytes, std::int64_t tokens) {
  if (bytes <= 0 || tokens <= 0) return;
  const double now =
      std::clamp(static_cast<double>(tokens) / static_cast<double>(bytes),
                 kLeastPerByte, kMostPerByte);
  tokens_per_byte_ += seen_ == 0 ? now : kNewest * (now - tokens_per_byte_);
  if (seen_ < kEnoughSeen) ++seen_;
}

std::int64_t TokenEstimator::Tokens(std::int64_t bytes) const {
  bytes = std::max<std::int64_t>(bytes, 0);
  if (seen_ < kEnoughSeen) return bytes / 2 + bytes % 2;
  const auto observed =
      std::llround(kMargin * tokens_per_byte_ * static_cast<double>(bytes));
  return std::max<std::int64_t>(observed, (bytes + 2) / 3);
}

}  // namespace coppice::llm
