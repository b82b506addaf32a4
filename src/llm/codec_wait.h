#pragma once

#include <optional>
#include <string_view>

#include "base/clock.h"
#include "llm/http_client.h"

namespace coppice::llm::wire {

// "34s", "1.5s", "120ms", "6m0s", "1h2m3s"; a bare number counts seconds.
std::optional<Duration> ParseGoDuration(std::string_view text);
// StatedWait, where the body has been read already.
std::optional<Duration> WaitOf(const HttpHeaders& headers,
                               std::optional<Duration> retry_delay);

}  // namespace coppice::llm::wire
