#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace coppice {

using Json = nlohmann::json;

// Keys sorted, no blanks, invalid UTF-8 replaced: equal values, equal bytes.
std::string DumpCanonical(const Json& value);
// As an Error with line and column when `text` is not JSON.
Result<Json> ParseJson(std::string_view text, std::string_view name);

}  // namespace coppice
