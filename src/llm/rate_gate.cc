#include "llm/rate_gate.h"

#include <algorithm>

namespace coppice::llm {

RateGate::RateGate(std::optional<int> requests_per_minute) {
  if (!requests_per_minute) return;
  const Duration minute = std::chrono::minutes(1);
  spacing_ = minute / std::max(1, *requests_per_minute);
}

Instant RateGate::Opens(Instant now, std::int64_t tokens) const {
  Instant opens = std::max(now, closed_until_);
  if (spacing_) return std::max(opens, next_);
  if (requests_ && requests_->left <= 0) {
    opens = std::max(opens, requests_->resets);
  }
  if (tokens_ && tokens_->left < tokens && tokens_->resets > now) {
    opens = std::max(opens, tokens_->resets);
  }
  return opens;
}

void RateGate::Passed(Instant now, std::int64_t tokens) {
  if (spacing_) next_ = std::max(now, next_) + *spacing_;
  // A bucket whose reset has passed is full again, and its size unknown.
  if (requests_ && requests_->resets <= now) requests_.reset();
  if (tokens_ && tokens_->resets <= now) tokens_.reset();
  if (requests_) --requests_->left;
  if (tokens_) tokens_->left -= tokens;
}

void RateGate::CloseUntil(Instant when) {
  closed_until_ = std::max(closed_until_, when);
}

void RateGate::Learn(Instant now, const RateState& state) {
  auto learn = [&](std::optional<Bucket>& bucket,
                   const std::optional<std::int64_t>& left,
                   const std::optional<Duration>& reset) {
    if (!left || !reset) return;
    bucket = Bucket{*left, now + *reset};
  };
  learn(requests_, state.requests, state.requests_reset);
  learn(tokens_, state.tokens, state.tokens_reset);
}

}  // namespace coppice::llm
