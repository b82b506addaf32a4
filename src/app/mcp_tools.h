#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace coppice::app {

// The commands that a coding agent may call, as tools of the Model Context
// Protocol: name, description, JSON Schema of the arguments, hints.
Json McpTools();

// What a call of a tool runs: the words after `coppice --output json`. Errors
// (kUsage): no such tool, a missing argument, one of another type or unknown.
Result<std::vector<std::string>> McpCommand(const std::string& tool,
                                            const Json& arguments);

}  // namespace coppice::app
