#pragma once

#include <optional>
#include <string_view>

#include "llm/proposer.h"

namespace coppice::llm {

// The header of an answer (SPEC §10): lines "FIELD: text" in any order, text
// going on in the lines below. Thinking and prose before the first field of a
// known name are skipped, unknown fields are ignored, text is cut to its cap,
// and the first of two equal fields counts. The header ends at a blank line
// that no field follows. Nothing if there is no known field; `idea` may be
// empty.
std::optional<Plan> ParseHeader(std::string_view answer);

// The known name that a line begins with as a field ("IDEA"), else empty.
std::string_view HeaderField(std::string_view line);

// The answer behind the <think> or <thinking> block that it begins with; a
// block whose opening the server ate ends where "</think>" stands alone, with
// no IDEA before and one behind. Empty if the block never ends.
std::string_view SkipThinking(std::string_view answer);

}  // namespace coppice::llm
