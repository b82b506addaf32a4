#pragma once

#include <algorithm>
#include <optional>

#include "base/clock.h"

namespace coppice::llm {

// Stops asking a server that keeps failing (PROVIDERS §5): five failures in a
// row open it for 30 s, then one probe is let through; each probe that fails
// doubles the rest, to 10 min at most; one success closes it.
class Breaker {
 public:
  void Succeed() {
    failures_ = 0;
    rest_ = kFirstRest;
    until_.reset();
    probing_ = false;
  }
  // `feeds`: of a class that says the server is out. Any other failure shows
  // that it answers.
  void Fail(Instant now, bool feeds) {
    if (!feeds) return Succeed();
    ++failures_;
    if (probing_) {
      Rest(now);
    } else if (failures_ >= kOpensAfter && !until_) {
      until_ = now + rest_;
    }
    probing_ = false;
  }
  // Opens it whatever the count: the retries of an attempt are used up.
  void Rest(Instant now) {
    if (until_) rest_ = std::min(rest_ * 2, kLongestRest);
    until_ = now + rest_;
    probing_ = false;
  }
  // A wait that the server stated and that is longer than an attempt may take.
  void RestUntil(Instant when) {
    until_ = until_ ? std::max(*until_, when) : when;
  }

  // Nothing: a call may leave now. While a probe is under way the others wait.
  std::optional<Instant> RestsUntil(Instant now) const {
    if (!until_) return std::nullopt;
    if (now < *until_) return until_;
    if (probing_) return now + std::chrono::seconds(1);
    return std::nullopt;
  }
  // A call leaves.
  void Start() { probing_ = until_.has_value(); }
  // It came to no end that says anything (cancelled).
  void Forget() { probing_ = false; }

 private:
  static constexpr int kOpensAfter = 5;
  static constexpr Duration kFirstRest = std::chrono::seconds(30);
  static constexpr Duration kLongestRest = std::chrono::seconds(600);

  int failures_ = 0;
  Duration rest_ = kFirstRest;
  std::optional<Instant> until_;
  bool probing_ = false;
};

}  // namespace coppice::llm
