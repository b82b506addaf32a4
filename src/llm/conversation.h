#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "llm/codec.h"
#include "llm/proposer.h"

namespace coppice::llm {

// What was said, as a server takes it: parts of one speaker in a row are one
// message.
std::vector<Message> Messages(const std::vector<Utterance>& parts);
std::int64_t Bytes(const std::vector<Utterance>& parts);

// "complete", or the fact to tell the model: truncated, refused, filtered,
// paused, empty.
std::string StopOf(const Reply& reply);

}  // namespace coppice::llm
