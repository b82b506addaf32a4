#pragma once

#include <optional>
#include <string>

#include "base/json.h"

namespace coppice::spec {

// What a JSON Schema validator has against `value`, by the schema that is
// compiled in; nothing if it accepts it.
std::optional<std::string> SchemaRefusal(const Json& value);

}  // namespace coppice::spec
