#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "spec/findings.h"

namespace coppice::spec {

struct YamlText {
  std::string_view text;
  std::string pointer;                   // of the value that the text is
  std::function<Place(int line)> place;  // of its lines, from 1
};

// The one document of a YAML text as JSON: YAML 1.2 core types for plain
// scalars, text for quoted ones, aliases expanded. What is wrong goes to
// `findings`; nothing if the text cannot be read at all.
std::optional<Json> ReadYaml(const YamlText& yaml, Source& source,
                             Findings& findings);

}  // namespace coppice::spec
