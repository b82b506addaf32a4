#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace coppice::report {

// `value` as block-style YAML that 1.1 and 1.2 readers take alike: strings are
// always quoted, numbers with an exponent carry a point.
std::string YamlText(const nlohmann::ordered_json& value);

}  // namespace coppice::report
