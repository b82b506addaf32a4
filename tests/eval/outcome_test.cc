#include <doctest/doctest.h>

#include "support/eval_world.h"

// What one real command makes of its node: AC-01, MC-22, MC-24, FM-21.

namespace coppice::eval {
namespace {

using testing::EvalWorld;

// "1.5", or "metric_error: ambiguous: ...".
std::string Told(const Sample& sample) {
  if (!sample.failure) return std::to_string(sample.metrics.at("score"));
  const Failure& f = *sample.failure;
  return std::string(f.outcome ? Name(*f.outcome) : "lost") + ": " + f.reason;
}

TEST_CASE("what the command prints is measured, by the table of SPEC 6") {
  struct Row {
    const char* script;
    const char* told;
  };
  const Row rows[] = {
      {"echo score: 1", "1.000000"},
      {"echo score: 1e-3", "0.001000"},
      {"echo score: -0.0", "0.000000"},
      {"echo score: nan", "metric_error: not a number: `score` is nan"},
      {"echo score: inf", "metric_error: not a number: `score` is inf"},
      {"echo score: 2; echo score: 2.0", "2.000000"},
      {"echo score: 1; echo score: 2",
       "metric_error: ambiguous: `score` is given as 1 and as 2"},
      {"echo score: 4 >&2", "4.000000"},
      {"echo score: 5; exit 3", "buggy: echo score: 5; exit 3: exit 3"},
      {"echo score: 5; kill -9 $$",
       "buggy: echo score: 5; kill -9 $$: SIGKILL"},
      {"echo score: 5; kill -11 $$",
       "buggy: echo score: 5; kill -11 $$: SIGSEGV"},
      {"exit 139", "buggy: exit 139: exit 139"},
      {"true",
       "metric_error: missing: no metric `score` in the output; no number "
       "was seen"},
      {"echo scor: 1",
       "metric_error: missing: no metric `score` in the output; the nearest "
       "name seen is `scor`"},
  };
  for (const Row& row : rows) {
    EvalWorld world;
    CAPTURE(row.script);
    CHECK(Told(world.Run(row.script)) == row.told);
  }
}

TEST_CASE("a metric printed before the crash stays as a diagnostic") {
  EvalWorld world;
  const Sample sample = world.Run("echo score: 5; echo mb: 7; exit 1");
  REQUIRE(sample.failure);
  CHECK(sample.failure->outcome == Outcome::kBuggy);
  CHECK(sample.metrics ==
        std::map<std::string, double>{{"score", 5}, {"mb", 7}});
  CHECK(sample.exit_code == 1);
}

TEST_CASE(
    "the result file counts, whatever is printed after it (AC-22, MC-24)") {
  EvalWorld world;
  const Sample sample = world.Run(
      "echo '{\"score\": 3}' > $COPPICE_RESULT; echo score: 0.001;"
      "echo '{\"score\": 0.002}'");
  CHECK(Told(sample) == "3.000000");
}

TEST_CASE("a result file older than its sample is stale (MC-25)") {
  EvalWorld world;
  CHECK(Told(world.Run("echo '{\"score\": 1}' > old; touch -d '1 hour ago' "
                       "old; mv old $COPPICE_RESULT")) ==
        "metric_error: stale: the result file is older than its sample");
}

TEST_CASE("a result that calls itself invalid is degenerate") {
  EvalWorld world;
  CHECK(Told(world.Run(
            "echo '{\"score\": 1, \"valid\": false}' > $COPPICE_RESULT")) ==
        "degenerate: the result says valid: false");
}

TEST_CASE("a command past its limit is a timeout and its slot is free again") {
  EvalWorld world;
  world.spec.evaluation.timeout_seconds = 1;
  const Sample sample = world.Run("echo score: 1; sleep 100");
  REQUIRE(sample.failure);
  CHECK(sample.failure->outcome == Outcome::kTimeout);
  CHECK(sample.failure->reason.find("timeout (wall)") != std::string::npos);
  CHECK(world.trees.leased == 0);
}

TEST_CASE("an abort rule ends a hopeless sample at once (MC-12)") {
  EvalWorld world;
  world.spec.evaluation.abort_on = {{.pattern = "loss: ([0-9.]+)",
                                     .comparison = spec::Comparison::kGt,
                                     .bound = 100,
                                     .check = "> 100",
                                     .after_lines = 2}};
  const Sample sample =
      world.Run("echo loss: 500; echo loss: 3; echo loss: 120; sleep 60");
  REQUIRE(sample.failure);
  CHECK(sample.failure->outcome == Outcome::kCensored);
  CHECK(sample.failure->reason == "abort_on `loss: ([0-9.]+)`: 120 > 100");
}

TEST_CASE("a missing metric shows the last lines and where the log is") {
  EvalWorld world;
  const Sample sample = world.Run("seq 1 30; echo end >&2", 7);
  REQUIRE(sample.failure);
  CHECK(sample.failure->tail.find("30\n") != std::string::npos);
  CHECK(sample.failure->tail.find("\nend") != std::string::npos);
  CHECK(sample.failure->tail.find("9\n10\n") == std::string::npos);
  CHECK(sample.failure->log == "nodes/7/eval.log");
  CHECK(world.Log(7).find("== screen 0: seq 1 30; echo end >&2\n1\n2\n") !=
        std::string::npos);
}

TEST_CASE("units of the first measurement hold for all later ones (MC-25)") {
  EvalWorld world;
  CHECK(Told(world.Run("echo score: 20 ms", 0)) == "20.000000");
  CHECK(Told(world.Run("echo score: 0.01 s", 1)) == "10.000000");
  CHECK(Told(world.Run("echo score: 10 MB", 2)) ==
        "metric_error: unit: `score` is 10 MB, the baseline's unit is ms");
  CHECK(world.local().units().at("score") == "ms");
}

TEST_CASE("binary output and escapes do not reach the tail of a failure") {
  EvalWorld world;
  const Sample sample =
      world.Run("printf '\\033[31mred\\000\\377 error\\n'; exit 1");
  REQUIRE(sample.failure);
  CHECK(sample.failure->tail.find('\x1b') == std::string::npos);
  CHECK(sample.failure->tail.find('\0') == std::string::npos);
  CHECK(sample.failure->tail.find("red") != std::string::npos);
}

}  // namespace
}  // namespace coppice::eval
