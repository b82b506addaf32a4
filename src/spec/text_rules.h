#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"

namespace coppice::spec {

// The checks that the schema names by "x-rule", beyond what JSON Schema can
// say: what is wrong with the value, as a clause, or nothing. An empty clause
// stands for the words of "x-allowed".
std::optional<std::string> BrokenRule(std::string_view rule, const Json& value);

}  // namespace coppice::spec
