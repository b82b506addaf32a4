#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

// The schema in words, for errors that people read.

namespace coppice::spec {

// The schema behind "$ref", if there is one.
const Json& Resolved(const Json& root, const Json& schema);

// "a whole number from 1 to 100 or null", "one of a, b, c".
std::string Allowed(const Json& root, const Json& schema);

// A value as it is quoted: text in quotes, "a list", never a secret.
std::string Quoted(const Json& value);

// `unknown key "timeout_secs" in evaluation; did you mean "timeout_seconds"?`
// `known` are the keys of the object at `pointer`.
std::string UnknownKey(const Json& root, std::string_view key,
                       std::string_view pointer,
                       const std::vector<std::string>& known);

}  // namespace coppice::spec
