#include <doctest/doctest.h>
#include <fmt/format.h>
#include <stdlib.h>

#include <filesystem>

#include "support/eval_world.h"

// MC-20: the tools themselves, from their command to the numbers. What is not
// installed is said, not passed over. And what coppice measures itself.

namespace coppice::eval {
namespace {

namespace fs = std::filesystem;
using testing::EvalWorld;

bool Have(const std::string& test, const char* name) {
  if (system((test + " >/dev/null 2>&1").c_str()) == 0) return true;
  MESSAGE("skipped: " << name << " is not installed");
  return false;
}

Sample Measured(const std::string& metric, const std::string& command,
                EvalWorld& world) {
  world.spec.metric.name = metric;
  return world.Run(command);
}

}  // namespace

TEST_CASE("MC-20 hyperfine is read from its command to the median") {
  if (!Have("hyperfine --version", "hyperfine")) return;
  EvalWorld world;
  const Sample sample = Measured(
      "median",
      "hyperfine -N -w 1 -r 5 --export-json $COPPICE_RESULT 'sleep 0.02'",
      world);
  REQUIRE_MESSAGE(!sample.failure, sample.failure->reason);
  CHECK(sample.metrics.at("median") >= 0.02);
  CHECK(sample.metrics.at("median") < 0.2);
  CHECK(sample.metrics.at("sleep 0.02.mean") >= 0.02);
  EvalWorld failing;
  const Sample failed = Measured(
      "median", "hyperfine -i -N -r 3 --export-json $COPPICE_RESULT false",
      failing);
  REQUIRE(failed.failure);
  CHECK(failed.failure->reason.find("a run of `false` failed") !=
        std::string::npos);
}

TEST_CASE("MC-20 pytest-benchmark is read from its command to the median") {
  if (!Have("/usr/bin/python3 -c 'import pytest_benchmark'",
            "python3-pytest-benchmark")) {
    return;
  }
  EvalWorld world;
  world.spec.metric.name = "test_sum.median";
  world.spec.evaluation.command =
      "/usr/bin/python3 -m pytest -q -p no:cacheprovider "
      "--benchmark-json=$COPPICE_RESULT sum_test.py";
  const Sample sample = world.Evaluate(
      world.trees.Add({{"sum_test.py",
                        {"def test_sum(benchmark):\n"
                         "    benchmark(lambda: sum(range(1000)))\n"}}}),
      1);
  REQUIRE_MESSAGE(!sample.failure, sample.failure->reason);
  CHECK(sample.metrics.at("test_sum.median") > 1e-7);
  CHECK(sample.metrics.at("test_sum.median") < 1e-2);
}

TEST_CASE("MC-20 Google Benchmark is read from its command to the median") {
  const fs::path program =
      fs::path(COPPICE_BINARY_DIR) / "bin" / "google_bench";
  if (!fs::exists(program)) {
    MESSAGE("skipped: libbenchmark-dev is not installed");
    return;
  }
  EvalWorld world;
  const std::string command = fmt::format(
      "{} --benchmark_format=json --benchmark_min_time=0.01 "
      "--benchmark_repetitions=3 --benchmark_filter=",
      program.string());
  const Sample sample = Measured("Sum/1000.real_time", command + "Sum", world);
  REQUIRE_MESSAGE(!sample.failure, sample.failure->reason);
  CHECK(sample.metrics.at("Sum/1000.real_time") > 1e-9);
  CHECK(sample.metrics.at("Sum/1000.real_time") < 1e-3);
  CHECK(sample.metrics.at("Sum/1000.items") == 7);
  EvalWorld nan;
  const Sample rate = Measured("Sum/1000.rate", command + "Sum", nan);
  REQUIRE(rate.failure);
  CHECK(rate.failure->reason.starts_with("not a number"));
  EvalWorld broken;
  const Sample failed =
      Measured("Broken.real_time", command + "Broken", broken);
  REQUIRE(failed.failure);
  CHECK(failed.failure->outcome == Outcome::kMetricError);
}

TEST_CASE("files that a command leaves are read, and never an earlier one's") {
  EvalWorld world;
  world.spec.metric.name = "parse/big.median";
  world.spec.evaluation.output = spec::OutputFormat::kTree;
  world.spec.evaluation.output_glob = "target/criterion/**/new/estimates.json";
  world.spec.evaluation.command =
      "d=target/criterion/parse/big/new; mkdir -p $d; test -e once || "
      "{ touch once; echo '{\"full_id\": \"parse/big\"}' > "
      "$d/benchmark.json; echo '{\"mean\": {\"point_estimate\": 1500.5}, "
      "\"median\": {\"point_estimate\": 1400}, \"slope\": null}' > "
      "$d/estimates.json; }";
  const ObjectId base = world.trees.Add({{"a", {"x"}}});
  Opened opened = world.Open(base, 1);
  REQUIRE(opened.session);
  const Sample first = world.Measure(*opened.session);
  REQUIRE_MESSAGE(!first.failure, first.failure->reason);
  CHECK(first.metrics.at("parse/big.median") == 1400);
  CHECK(first.metrics.at("parse/big.mean") == 1500.5);
  const Sample second = world.Measure(*opened.session);
  REQUIRE(second.failure);
  CHECK(second.failure->reason.find("left no file") != std::string::npos);
}

TEST_CASE("MC-27 wall time, memory and sizes are measured from outside") {
  EvalWorld world;
  world.spec.metric.guards = {
      {.name = "@maxrss", .direction = spec::Direction::kMinimize},
      {.name = "@size:out/*.bin", .direction = spec::Direction::kMinimize}};
  const Sample sample =
      Measured("@wall",
               "echo '@wall: 0.000001'; mkdir out; printf 12345 > out/a.bin; "
               "printf 123 > out/b.bin; printf 1 > out/c.txt; sleep 0.2",
               world);
  REQUIRE_MESSAGE(!sample.failure, sample.failure->reason);
  CHECK(sample.metrics.at("@wall") >= 0.2);
  CHECK(sample.metrics.at("@wall") < 1.0);
  CHECK(sample.metrics.at("@maxrss") > 100'000);
  CHECK(sample.metrics.at("@size:out/*.bin") == 8);
}

TEST_CASE("MC-28 the time of processes that left the group is counted") {
  EvalWorld world;
  const std::string burn = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
  const Sample sample = Measured(
      "@cpu",
      fmt::format("for n in 1 2 3 4; do setsid sh -c '{}' & done; wait", burn),
      world);
  REQUIRE_MESSAGE(!sample.failure, sample.failure->reason);
  EvalWorld other;
  const Sample one = Measured("@cpu", fmt::format("sh -c '{}'", burn), other);
  REQUIRE_MESSAGE(!one.failure, one.failure->reason);
  CHECK(sample.metrics.at("@cpu") > 1.5 * one.metrics.at("@cpu"));
}

TEST_CASE("MC-28 the memory of a small program after a large one is small") {
  EvalWorld world;
  world.spec.evaluation.build =
      "head -c 200000000 /dev/zero | tail -c 200000000 > /dev/null";
  const Sample sample = Measured("@maxrss", "echo small: 1", world);
  REQUIRE_MESSAGE(!sample.failure, sample.failure->reason);
  CHECK(sample.metrics.at("@maxrss") < 60'000'000);
}

}  // namespace coppice::eval
