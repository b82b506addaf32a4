#include <doctest/doctest.h>

#include "eval/metrics.h"
#include "support/temp_dir.h"

// Files of benchmark tools (MC-19), written by hand after:
//   hyperfine.json, hyperfine_two_failed.json   hyperfine 1.x --export-json,
//       fields of its BenchmarkResult (command .. exit_codes, parameters)
//   hyperfine2.json   its later results[].measurements[], where a time is
//       {value, unit}
//   google_benchmark*.json   --benchmark_format=json of libbenchmark 1.7/1.8
//       with --benchmark_repetitions; bare NaN and Infinity included
//   pytest_benchmark.json   --benchmark-json of pytest-benchmark 3.2 to 4.0

namespace coppice::eval {
namespace {

Extraction Read(const std::string& file, const std::string& metric) {
  spec::Spec spec;
  spec.metric.name = metric;
  MetricScanner scanner(ContractOf(spec));
  const ResultFile result{
      .bytes = testing::ReadFile(std::string(COPPICE_SOURCE_DIR) +
                                 "/tests/eval/golden/" + file)};
  return scanner.Finish({result}, {});
}

TEST_CASE(
    "hyperfine: named statistics in seconds, plain for one command (MC-19)") {
  const Extraction e = Read("hyperfine.json", "median");
  REQUIRE_FALSE(e.problem);
  CHECK(e.numbers == std::map<std::string, double>{
                         {"median", 0.204630583255},
                         {"mean", 0.20466111425500003},
                         {"min", 0.203659674255},
                         {"max", 0.20661967825500002},
                         {"stddev", 0.0008757442708665281},
                         {"./parse big.csv.median", 0.204630583255},
                         {"./parse big.csv.mean", 0.20466111425500003},
                         {"./parse big.csv.min", 0.203659674255},
                         {"./parse big.csv.max", 0.20661967825500002},
                         {"./parse big.csv.stddev", 0.0008757442708665281}});
  CHECK(Read("hyperfine.json", "./parse big.csv.mean")
            .numbers.at("./parse big.csv.mean") == 0.20466111425500003);
}

TEST_CASE("hyperfine: a path into the file works as well") {
  const Extraction e = Read("hyperfine.json", "results.0.times.1");
  REQUIRE_FALSE(e.problem);
  CHECK(e.numbers.at("results.0.times.1") == 0.20453320125500002);
}

TEST_CASE("hyperfine: a command that failed once is invalid") {
  const Extraction e = Read("hyperfine_two_failed.json", "old.median");
  REQUIRE(e.problem);
  CHECK(e.problem->Text() == "invalid: hyperfine: a run of `new` failed");
  CHECK(e.numbers.at("old.median") == 2);
  CHECK_FALSE(e.numbers.contains("old.stddev"));
  CHECK_FALSE(e.numbers.contains("median"));
}

TEST_CASE("hyperfine: times given as measurements are summed up here") {
  const Extraction e = Read("hyperfine2.json", "sort words.median");
  REQUIRE_FALSE(e.problem);
  CHECK(e.numbers.at("median") == 0.6);
  CHECK(e.numbers.at("min") == 0.5);
  CHECK(e.numbers.at("max") == 0.7);
  CHECK(e.numbers.at("mean") == doctest::Approx(0.6));
  CHECK(e.numbers.at("stddev") == doctest::Approx(0.1));
}

TEST_CASE(
    "google benchmark: the median aggregate, else that of iterations (MC-19)") {
  const Extraction e =
      Read("google_benchmark.json", "BM_Insert/1024.real_time");
  REQUIRE_FALSE(e.problem);
  CHECK(e.numbers == std::map<std::string, double>{
                         {"BM_Insert/1024.real_time", 3.0e-5},
                         {"BM_Insert/1024.cpu_time", 2.9e-5},
                         {"BM_Insert/1024.bytes_per_second", 1.32e8},
                         {"BM_Lookup.real_time", 5e-6},
                         {"BM_Lookup.cpu_time", 4e-6}});
}

TEST_CASE("google benchmark: a counter that is NaN is no number (MC-19)") {
  const Extraction e = Read("google_benchmark.json", "BM_Lookup.hit_rate");
  REQUIRE(e.problem);
  CHECK(e.problem->Text() == "not a number: `BM_Lookup.hit_rate` is NaN");
}

TEST_CASE("google benchmark: an error although the program exits 0 (MC-19)") {
  const Extraction e =
      Read("google_benchmark_error.json", "BM_Parse.real_time");
  REQUIRE(e.problem);
  CHECK(e.problem->Text() ==
        "invalid: Google Benchmark: `BM_Load` failed: cannot open data.bin");
}

TEST_CASE("pytest-benchmark: named statistics in seconds (MC-19)") {
  const Extraction e =
      Read("pytest_benchmark.json", "test_parse[small].median");
  REQUIRE_FALSE(e.problem);
  CHECK(e.numbers ==
        std::map<std::string, double>{{"test_parse[small].median", 0.0014},
                                      {"test_parse[small].mean", 0.00141},
                                      {"test_parse[small].min", 0.0012},
                                      {"test_parse[small].max", 0.0019},
                                      {"test_parse[small].stddev", 0.0001}});
}

TEST_CASE("JMH: scores with their unit, throughput is better high (MC-21)") {
  // After the format of JMH 1.37 `-rf json`, by its documentation.
  constexpr const char* kJmh = R"([
    {"jmhVersion": "1.37", "benchmark": "com.x.Parse.fast", "mode": "thrpt",
     "primaryMetric": {"score": 1234.5, "scoreError": "NaN",
                       "scoreUnit": "ops/s", "rawData": [[1.0, 2.0]]}},
    {"jmhVersion": "1.37", "benchmark": "com.x.Parse.slow", "mode": "avgt",
     "primaryMetric": {"score": 0.5, "scoreError": 0.01,
                       "scoreUnit": "us/op"}}])";
  struct Row {
    const char* metric;
    spec::Direction direction;
    double value;
    bool contradicts;
  };
  for (const Row& row :
       {Row{"com.x.Parse.fast.score", spec::Direction::kMaximize, 1234.5,
            false},
        Row{"com.x.Parse.fast.score", spec::Direction::kMinimize, 0, true},
        Row{"com.x.Parse.slow.score", spec::Direction::kMinimize, 0.5, false},
        Row{"com.x.Parse.slow.score", spec::Direction::kMaximize, 0, true}}) {
    spec::Spec spec;
    spec.metric.name = row.metric;
    spec.metric.direction = row.direction;
    MetricScanner scanner(ContractOf(spec));
    const Extraction e = scanner.Finish({ResultFile{.bytes = kJmh}}, {});
    CAPTURE(row.metric);
    REQUIRE(e.problem.has_value() == row.contradicts);
    if (row.contradicts) {
      CHECK(e.problem->reason == MetricReason::kInvalid);
      CHECK(e.problem->text.find("direction") != std::string::npos);
    } else {
      CHECK(e.numbers.at(row.metric) == row.value);
    }
  }
}

TEST_CASE("JSON lines in a file: the last one counts") {
  spec::Spec spec;
  spec.metric.name = "loss";
  MetricScanner scanner(ContractOf(spec));
  const Extraction e =
      scanner.Finish({ResultFile{.bytes = "{\"step\": 1, \"loss\": 3}\n"
                                          "{\"step\": 2, \"loss\": 2.5}\n"}},
                     {});
  REQUIRE_FALSE(e.problem);
  CHECK(e.numbers.at("loss") == 2.5);
}

}  // namespace
}  // namespace coppice::eval
