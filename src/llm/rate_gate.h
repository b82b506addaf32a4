#pragma once

#include <optional>

#include "base/clock.h"
#include "llm/codec.h"

namespace coppice::llm {

// When the next call with one key may leave (PROVIDERS §5): never before a
// wait that the server stated, nor faster than `requests_per_minute`, nor with
// more tokens than the rate headers left. Pure; shared by the calls of a key.
class RateGate {
 public:
  explicit RateGate(std::optional<int> requests_per_minute = std::nullopt);

  // The instant from which a call of so many tokens may leave; `now` if at
  // once.
  Instant Opens(Instant now, std::int64_t tokens) const;
  // A call has left.
  void Passed(Instant now, std::int64_t tokens);
  // The server said: not before.
  void CloseUntil(Instant when);
  // What the headers of a response say is left.
  void Learn(Instant now, const RateState& state);

 private:
  std::optional<Duration> spacing_;  // requests_per_minute replaces headers
  Instant next_;
  Instant closed_until_;
  struct Bucket {
    std::int64_t left = 0;
    Instant resets;
  };
  std::optional<Bucket> requests_, tokens_;
};

}  // namespace coppice::llm
