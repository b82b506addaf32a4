#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "eval/metrics_readings.h"

namespace coppice::eval {

struct JsonReadings {
  Readings readings;
  std::optional<std::string> rejected;  // "valid": false at the top
  std::optional<std::string> invalid;   // a benchmark that says it failed
};

// The numbers of one JSON object: flat, {"score", "metrics"}, nested (dotted
// names), or what hyperfine, pytest-benchmark and Google Benchmark export.
// Nothing, with `error` saying why, if `text` is no JSON object.
std::optional<JsonReadings> ReadJson(std::string_view text,
                                     const NameSet& declared,
                                     std::string& error);

}  // namespace coppice::eval
