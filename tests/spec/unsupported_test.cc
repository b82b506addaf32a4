#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "spec/samples.h"

namespace coppice::spec {
namespace {

std::vector<std::string> Refused(std::string_view text,
                                 const std::vector<Override>& overrides = {}) {
  const Result<Loaded> loaded = Parse(text, overrides);
  REQUIRE_MESSAGE(loaded.has_value(), ErrorOf(text, overrides));
  std::vector<std::string> keys;
  for (const Error& error : Unsupported(*loaded)) {
    CHECK(error.code == ErrorCode::kUsage);
    CHECK_FALSE(error.next.empty());
    keys.push_back(error.what);
  }
  return keys;
}

TEST_CASE("what comes later is refused by name, with what to write instead") {
  struct Row {
    const char* key;
    const char* value;
    const char* refused;
  };
  for (const Row& row : std::vector<Row>{
           {"evaluation.backend", "slurm", "evaluation.backend: slurm"},
           {"evaluation.slurm.cpus", "2", "evaluation.slurm"}}) {
    CAPTURE(row.key);
    CAPTURE(row.value);
    CHECK(Refused(kMinimal, {{row.key, row.value}}) ==
          std::vector<std::string>{std::string(row.refused) +
                                   ": not in this version yet"});
  }
}

TEST_CASE("what this version does is not refused") {
  CHECK(Refused(kMinimal).empty());
  for (const char* policy : {"linear", "greedy", "ucb", "beam", "best_of_n",
                             "abmcts", "rank", "uct", "puct"}) {
    CHECK(Refused(kMinimal, {{"search.policy", policy}}).empty());
  }
  for (const auto& [key, value] : std::vector<Override>{
           {"proposers", "[{edits: {unit: statement}}, {command: x}]"},
           {"model", "openai/x"},
           {"proposers", "[{model: openai/x}, {agent: codex}]"},
           {"proposal.templates", "prompts"},
           {"evaluation.abort_on", "[{pattern: '(a)', check: '> 1'}]"},
           {"search.tune", "1"},
           {"usage", "{calls_per_day: 5, usd_per_hour: 1}"},
           {"export.remote", "origin"},
           {"export.request", "github"},
           {"export.mode", "split"},
           {"hooks.on_finish", "x"},
           {"hooks.webhook", "https://a.b"},
           {"search.hypotheses", "ideas.md"},
           {"metric.gates", "[{name: a, check: '> 1'}]"},
           {"metric.guards",
            "[{name: a, direction: minimize, max_regression: 1}]"},
           {"metric",
            "{weights: [{name: a, direction: minimize}], diagnostics: [b]}"},
           {"metric.range", "[0, 1]"},
           {"metric.target", "1"},
           {"evaluation.sandbox", "none"},
           {"evaluation.network", "true"},
           {"evaluation.expose", "[~/.cargo]"},
           {"evaluation.copy", "[data]"},
           {"evaluation.keep", "[build]"},
           {"evaluation.env", "{A: b}"},
           {"evaluation.pass_env", "[A]"},
           {"evaluation.limits", "{cpus: 1, memory_mb: 9, output_mb: 1}"},
           {"evaluation.exclusive", "[gpu, cpu]"},
           {"evaluation.holdout", "{command: x}"},
           {"evaluation.diagnose", "perf"},
           {"evaluation.warmup", "2"},
           {"evaluation.repeats", "3"},
           {"evaluation.aggregation", "mean"},
           {"search.merge", "3"},
           {"search.chains", "4"},
           {"export.mode", "stack"},
           {"export.minimise", "false"},
           {"parallel.evaluations", "2"},
           {"budget.max_tokens", "1000"},
           {"budget.max_cost_usd", "null"}}) {
    CAPTURE(key);
    CHECK(Refused(kMinimal, {{key, value}}).empty());
  }
}

TEST_CASE("defaults that are written out ask for nothing") {
  const Result<Loaded> loaded = Parse(kMinimal);
  REQUIRE(loaded.has_value());
  CHECK(Refused(loaded->merged_json).empty());
}

TEST_CASE("everything that is refused is told at once") {
  CHECK(Refused(kFull).size() == 2);
}

}  // namespace
}  // namespace coppice::spec
