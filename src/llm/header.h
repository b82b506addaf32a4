#pragma once

#include <optional>
#include <string_view>

#include "llm/proposer.h"

namespace coppice::llm {

// The header of an answer (SPEC §10): lines "FIELD: text" in any order, text
// going on in the lines below. Prose before the first field of a known name is
// skipped, unknown fields are ignored, text is cut to its cap, and the first
// of two equal fields counts. The header ends at a blank line that no field
// follows. Nothing if there is no known field; `idea` may be empty.
std::optional<Plan> ParseHeader(std::string_view answer);

}  // namespace coppice::llm
