#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "eval/metrics_readings.h"
#include "spec/spec_measure.h"

namespace coppice::eval {

struct JsonReadings {
  Readings readings;
  std::optional<std::string> rejected;  // "valid": false at the top
  std::optional<std::string> invalid;   // a benchmark that says it failed
  std::map<std::string, spec::Direction> directions;  // that a tool states
};

// The numbers of one JSON object: flat, {"score", "metrics"}, nested (dotted
// names), or what hyperfine, pytest-benchmark, Google Benchmark, Criterion and
// JMH export; of JSON lines, the last. Nothing, with `error` saying why, if
// `text` is none of it.
std::optional<JsonReadings> ReadJson(std::string_view text,
                                     const NameSet& declared,
                                     std::string& error);

}  // namespace coppice::eval
