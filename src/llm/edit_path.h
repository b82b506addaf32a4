#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "llm/proposer.h"

namespace coppice::llm {

// The shown file of a path, or null.
using FindShown = std::function<const SourceFile*(std::string_view)>;

// The path that stands alone in a line, less quotes, backticks, "**", "FILE:",
// leading '#' and final ':'; empty if the line is something else.
std::string PathAlone(std::string_view line, const FindShown& find);

// Does a line of prose name a path other than `path`?
bool NamesOtherPath(std::string_view line, std::string_view path,
                    const FindShown& find);

}  // namespace coppice::llm
