#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/json.h"
#include "eval/metrics_readings.h"
#include "spec/spec_measure.h"

namespace coppice::eval {

struct ShapeReadings {
  Readings readings;
  std::optional<std::string> invalid;  // a run that failed inside the tool
  // Where the tool says which way is better, by name.
  std::map<std::string, spec::Direction> directions;
};

// Named numbers of a benchmark tool's export; nothing if `root` is none.
std::optional<ShapeReadings> ReadBenchmarkExport(const Json& root,
                                                 const NameSet& declared);

// What a JSON value says as a metric; nothing for strings, arrays, objects.
std::optional<Reading> ReadingOf(const Json& value);

// A number that JSON cannot hold stands as this mark and its text, in a
// string, after PlainJson.
inline constexpr char kUnreadableMark = '\x01';

}  // namespace coppice::eval
