#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace coppice::report {

// `value` as block-style YAML that 1.1 and 1.2 readers take alike: strings are
// always quoted, numbers with an exponent carry a point.
// A map or a list stands `indent` columns from the left.
std::string YamlText(const nlohmann::ordered_json& value,
                     std::size_t indent = 0);

}  // namespace coppice::report
