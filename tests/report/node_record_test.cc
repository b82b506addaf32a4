#include "report/node_record.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <vector>

#include "report/facts.h"
#include "support/golden.h"
#include "support/sample_run.h"

namespace coppice::report {
namespace {

std::vector<std::string> Keys(const OrderedJson& json) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : json.items()) keys.push_back(key);
  return keys;
}

const std::vector<std::string> kStepKeys{"task_id", "status", "reason",
                                         "candidate_score", "diff_summary"};

}  // namespace

TEST_CASE("a step record has the five keys that single-step tools know") {
  const auto state = testing::Fold(testing::FruitfulRun());
  const OrderedJson record = StepRecord(*state, AttemptId(4));
  CHECK(Keys(record) == kStepKeys);
  CHECK(record["task_id"] == "faster-parser");
  CHECK(record["status"] == "keep");
  CHECK(record["diff_summary"] == "src/parser.cpp +12 -3");
}

TEST_CASE("a node record starts with the five keys, in the contract's order") {
  const auto state = testing::Fold(testing::FruitfulRun());
  std::vector<std::string> expected = kStepKeys;
  for (const char* key :
       {"run", "node", "parents", "op", "arm", "commit", "tree", "outcome",
        "metrics", "samples", "sigma", "gain", "plan", "usage", "seconds",
        "cached", "flags", "log"}) {
    expected.emplace_back(key);
  }
  for (int attempt : {0, 1, 5, 11, 12}) {
    CHECK(Keys(NodeRecord(*state, AttemptId(attempt))) == expected);
  }
}

TEST_CASE("an attempt without a commit or a value has null for them") {
  const auto state = testing::Fold(testing::FruitfulRun());
  const OrderedJson rejected = NodeRecord(*state, AttemptId(5));
  CHECK(rejected["commit"].is_null());
  CHECK(rejected["tree"].is_null());
  CHECK(rejected["candidate_score"].is_null());
  CHECK(rejected["status"] == "discard");
  const OrderedJson buggy = NodeRecord(*state, AttemptId(3));
  CHECK(buggy["commit"].is_string());
  CHECK(buggy["candidate_score"].is_null());
  CHECK(buggy["status"] == "crash");
  CHECK(buggy["gain"].is_null());
}

TEST_CASE("an attempt under way is pending and has no status yet") {
  const auto records = testing::FruitfulRun();
  const auto state = testing::Fold(records, testing::BeforeTheFinal(records));
  const OrderedJson record = NodeRecord(*state, AttemptId(19));
  CHECK(record["status"] == "-");
  CHECK(record["outcome"] == "pending");
  CHECK(record["parents"] == OrderedJson::array({11}));
}

TEST_CASE("a merge names both parents, the baseline none") {
  const auto state = testing::Fold(testing::FruitfulRun());
  CHECK(NodeRecord(*state, AttemptId(11))["parents"] ==
        OrderedJson::array({4, 2}));
  CHECK(NodeRecord(*state, AttemptId(0))["parents"].empty());
  CHECK(NodeRecord(*state, AttemptId(0))["op"] == "baseline");
}

TEST_CASE("results.jsonl has a parsable line for each finished attempt") {
  const auto state = testing::Fold(testing::FruitfulRun());
  std::istringstream lines(ResultsJsonl(*state));
  std::string line;
  std::size_t count = 0;
  while (std::getline(lines, line)) {
    ++count;
    CHECK(OrderedJson::parse(line)["run"] == "20260901-223015-kqa");
  }
  CHECK(count == 1 + state->order_of_completion().size());
}

TEST_CASE("the record of the winner is as written down") {
  const auto state = testing::Fold(testing::FruitfulRun());
  testing::CheckGolden("report/golden/node_11.json",
                       DumpPretty(NodeRecord(*state, AttemptId(11))));
}

}  // namespace coppice::report
