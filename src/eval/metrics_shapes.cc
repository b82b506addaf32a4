#include "eval/metrics_shapes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "base/text.h"

// Five tools, told apart by their fields:
//   hyperfine         results[].{command, times | measurements}
//   pytest-benchmark  benchmarks[].{name, stats}
//   Google Benchmark  benchmarks[].{run_name, real_time, time_unit}
//   JMH               [].{benchmark, mode, primaryMetric}
//   Criterion.rs      {mean, median}.point_estimate, one file a benchmark
// Times come out in seconds, but for JMH, which names its unit, and Criterion,
// whose files are in nanoseconds and named so.

namespace coppice::eval {
namespace {

constexpr std::array<std::string_view, 5> kStatistics = {
    "median", "mean", "min", "max", "stddev"};

const Json* Field(const Json& object, std::string_view name) {
  if (!object.is_object()) return nullptr;
  const auto it = object.find(name);
  return it == object.end() ? nullptr : &*it;
}

std::string TextField(const Json& object, std::string_view name) {
  const Json* field = Field(object, name);
  return field != nullptr && field->is_string() ? field->get<std::string>()
                                                : std::string();
}

const Json* ArrayField(const Json& object, std::string_view name) {
  const Json* field = Field(object, name);
  return field != nullptr && field->is_array() && !field->empty() ? field
                                                                  : nullptr;
}

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half]
                                : (values[half - 1] + values[half]) / 2;
}

// One of kStatistics over the runs of one benchmark; they share a process
// start-up or a cache, so together they are one sample.
std::optional<double> Statistic(std::string_view which,
                                const std::vector<double>& times) {
  if (times.empty()) return std::nullopt;
  if (which == "median") return Median(times);
  if (which == "min") return *std::ranges::min_element(times);
  if (which == "max") return *std::ranges::max_element(times);
  double sum = 0;
  for (const double t : times) sum += t;
  const double mean = sum / static_cast<double>(times.size());
  if (which == "mean") return mean;
  if (times.size() < 2) return std::nullopt;
  double squares = 0;
  for (const double t : times) squares += (t - mean) * (t - mean);
  return std::sqrt(squares / static_cast<double>(times.size() - 1));
}

bool Failed(const Json& exit_code) {
  return !exit_code.is_number() || exit_code.get<double>() != 0;
}

struct HyperfineRuns {
  std::vector<double> times;
  bool failed = false;
};

HyperfineRuns RunsOf(const Json& result) {
  HyperfineRuns runs;
  if (const Json* times = ArrayField(result, "times")) {
    for (const Json& t : *times) {
      if (t.is_number()) runs.times.push_back(t.get<double>());
    }
  }
  if (const Json* codes = ArrayField(result, "exit_codes")) {
    runs.failed = std::ranges::any_of(*codes, Failed);
  }
  if (const Json* measurements = ArrayField(result, "measurements")) {
    for (const Json& m : *measurements) {
      const Json* clock = Field(m, "time_wall_clock");
      const Json* value = clock == nullptr ? nullptr : Field(*clock, "value");
      if (value != nullptr && value->is_number()) {
        runs.times.push_back(value->get<double>());
      }
      const Json* code = Field(m, "exit_code");
      if (code != nullptr && Failed(*code)) runs.failed = true;
    }
  }
  return runs;
}

std::optional<ShapeReadings> ReadHyperfine(const Json& root,
                                           const NameSet& declared) {
  const Json* results = ArrayField(root, "results");
  if (results == nullptr) return std::nullopt;
  ShapeReadings shape{.readings = Readings(&declared)};
  for (const Json& result : *results) {
    const std::string command = TextField(result, "command");
    if (command.empty() || (ArrayField(result, "times") == nullptr &&
                            ArrayField(result, "measurements") == nullptr)) {
      return std::nullopt;
    }
    const HyperfineRuns runs = RunsOf(result);
    if (runs.failed && !shape.invalid) {
      shape.invalid =
          fmt::format("hyperfine: a run of `{}` failed", OneLine(command, 60));
    }
    for (const std::string_view which : kStatistics) {
      const Json* given = Field(result, which);
      const std::optional<double> value =
          given != nullptr && given->is_number()
              ? std::optional(given->get<double>())
              : Statistic(which, runs.times);
      if (!value) continue;
      shape.readings.Add(fmt::format("{}.{}", command, which),
                         NumberReading(*value));
      if (results->size() == 1) {
        shape.readings.Add(which, NumberReading(*value));
      }
    }
  }
  return shape;
}

std::optional<ShapeReadings> ReadPytest(const Json& benchmarks,
                                        const NameSet& declared) {
  ShapeReadings shape{.readings = Readings(&declared)};
  for (const Json& benchmark : benchmarks) {
    const Json* stats = Field(benchmark, "stats");
    const std::string name = TextField(benchmark, "name");
    if (stats == nullptr || name.empty()) return std::nullopt;
    for (const std::string_view which : kStatistics) {
      const Json* value = Field(*stats, which);
      if (value == nullptr) continue;
      if (std::optional<Reading> reading = ReadingOf(*value)) {
        shape.readings.Add(fmt::format("{}.{}", name, which),
                           std::move(*reading));
      }
    }
  }
  return shape;
}

constexpr std::array<std::string_view, 6> kGoogleBookkeeping = {
    "iterations",       "threads",      "repetitions",
    "repetition_index", "family_index", "per_family_instance_index"};

struct GoogleRun {
  std::string name;
  bool median = false;                     // the aggregate of that name
  std::map<std::string, Reading> numbers;  // times in seconds
};

// Nothing for aggregates other than the median.
std::optional<GoogleRun> ReadGoogleRun(const Json& benchmark) {
  GoogleRun run;
  run.name = TextField(benchmark, "run_name");
  if (run.name.empty()) run.name = TextField(benchmark, "name");
  if (TextField(benchmark, "run_type") == "aggregate") {
    if (TextField(benchmark, "aggregate_name") != "median") return std::nullopt;
    run.median = true;
  }
  const std::string unit = TextField(benchmark, "time_unit");
  for (const auto& [key, value] : benchmark.items()) {
    if (std::ranges::find(kGoogleBookkeeping, key) !=
        kGoogleBookkeeping.end()) {
      continue;
    }
    std::optional<Reading> reading = ReadingOf(value);
    if (!reading || value.is_boolean()) continue;
    if ((key == "real_time" || key == "cpu_time") && reading->IsNumber()) {
      reading->value =
          ConvertUnit(reading->value, unit.empty() ? "ns" : unit, "s")
              .value_or(reading->value);
      reading->text = FormatNumber(reading->value);
    }
    run.numbers.emplace(key, std::move(*reading));
  }
  return run;
}

// The median of `key` over the runs; the first that is no number wins.
Reading MedianReading(const std::vector<const Reading*>& readings) {
  std::vector<double> values;
  for (const Reading* r : readings) {
    if (!r->IsNumber()) return *r;
    values.push_back(r->value);
  }
  return NumberReading(Median(std::move(values)));
}

std::optional<ShapeReadings> ReadGoogle(const Json& benchmarks,
                                        const NameSet& declared) {
  ShapeReadings shape{.readings = Readings(&declared)};
  std::map<std::string, std::vector<GoogleRun>> by_name;
  for (const Json& benchmark : benchmarks) {
    const Json* error = Field(benchmark, "error_occurred");
    if (error != nullptr && error->is_boolean() && error->get<bool>()) {
      shape.invalid =
          fmt::format("Google Benchmark: `{}` failed: {}",
                      OneLine(TextField(benchmark, "name"), 60),
                      OneLine(TextField(benchmark, "error_message"), 100));
      continue;
    }
    if (Field(benchmark, "real_time") == nullptr) return std::nullopt;
    if (std::optional<GoogleRun> run = ReadGoogleRun(benchmark)) {
      by_name[run->name].push_back(std::move(*run));
    }
  }
  for (auto& [name, runs] : by_name) {
    if (std::ranges::any_of(runs, &GoogleRun::median)) {
      std::erase_if(runs, [](const GoogleRun& r) { return !r.median; });
    }
    std::map<std::string, std::vector<const Reading*>> columns;
    for (const GoogleRun& run : runs) {
      for (const auto& [key, reading] : run.numbers) {
        columns[key].push_back(&reading);
      }
    }
    for (const auto& [key, readings] : columns) {
      shape.readings.Add(fmt::format("{}.{}", name, key),
                         MedianReading(readings));
    }
  }
  return shape;
}

// Throughput is better high, times are better low.
std::optional<ShapeReadings> ReadJmh(const Json& root,
                                     const NameSet& declared) {
  if (!root.is_array() || root.empty()) return std::nullopt;
  ShapeReadings shape{.readings = Readings(&declared)};
  for (const Json& result : root) {
    const std::string name = TextField(result, "benchmark");
    const Json* primary = Field(result, "primaryMetric");
    if (name.empty() || primary == nullptr) return std::nullopt;
    for (const std::string_view key : {"score", "scoreError"}) {
      const Json* value = Field(*primary, key);
      if (value == nullptr) continue;
      Reading reading = ReadingOf(*value).value_or(
          ReadToken(value->is_string() ? value->get<std::string>() : "null"));
      reading.unit = TextField(*primary, "scoreUnit");
      shape.readings.Add(fmt::format("{}.{}", name, key), std::move(reading));
    }
    shape.directions[name + ".score"] = TextField(result, "mode") == "thrpt"
                                            ? spec::Direction::kMaximize
                                            : spec::Direction::kMinimize;
  }
  return shape;
}

std::optional<ShapeReadings> ReadCriterion(const Json& root,
                                           const NameSet& declared) {
  ShapeReadings shape{.readings = Readings(&declared)};
  for (const std::string_view which : {"mean", "median"}) {
    const Json* statistic = Field(root, which);
    const Json* value =
        statistic == nullptr ? nullptr : Field(*statistic, "point_estimate");
    if (value == nullptr) return std::nullopt;
    std::optional<Reading> reading = ReadingOf(*value);
    if (!reading) return std::nullopt;
    reading->unit = "ns";
    shape.readings.Add(which, std::move(*reading));
  }
  return shape;
}

}  // namespace

std::optional<ShapeReadings> ReadBenchmarkExport(const Json& root,
                                                 const NameSet& declared) {
  if (std::optional<ShapeReadings> shape = ReadHyperfine(root, declared)) {
    return shape;
  }
  for (auto* read : {ReadJmh, ReadCriterion}) {
    if (std::optional<ShapeReadings> shape = read(root, declared)) {
      return shape;
    }
  }
  const Json* benchmarks = ArrayField(root, "benchmarks");
  if (benchmarks == nullptr) return std::nullopt;
  if (std::optional<ShapeReadings> shape = ReadPytest(*benchmarks, declared)) {
    return shape;
  }
  return ReadGoogle(*benchmarks, declared);
}

}  // namespace coppice::eval
