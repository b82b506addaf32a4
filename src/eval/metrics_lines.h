#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "eval/metrics_readings.h"

namespace coppice::eval {

struct NamedReading {
  std::string name;
  Reading reading;
};

// What `^\s*(METRIC\s+)?NAME\s*[:=]\s*NUMBER(\s+UNIT)?\s*$` finds in a line.
// A declared name may hold blanks, and is found beside what is no number too.
std::optional<NamedReading> ReadMetricLine(std::string_view line,
                                           const NameSet& declared);

}  // namespace coppice::eval
