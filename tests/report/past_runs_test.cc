#include "report/past_runs.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "support/golden.h"
#include "support/sample_run.h"

namespace coppice::report {
namespace {

std::vector<PastRun> Three() {
  PastRun good = Summarise(*testing::Fold(testing::FruitfulRun()), false);
  PastRun poor = Summarise(*testing::Fold(testing::FruitlessRun()), false);
  const auto records = testing::FruitfulRun();
  PastRun live = Summarise(
      *testing::Fold(records, testing::BeforeTheFinal(records)), true);
  good.digest = poor.digest = "same";
  live.digest = "other";
  poor.run = "20260902-010101-abc";
  live.run = "20260903-010101-xyz";
  return {good, poor, live};
}

}  // namespace

TEST_CASE("past runs stand side by side, and those alike bear one letter") {
  testing::CheckGolden("report/golden/past_runs.md", PastRunsMarkdown(Three()));
}

TEST_CASE("a run without an improvement shows none among past runs") {
  const OrderedJson json = PastRunsJson(Three());
  REQUIRE(json.size() == 3);
  CHECK(json[0]["best"].get<double>() == doctest::Approx(9.88));
  CHECK(json[0]["confidence"] == "high");
  CHECK(json[1]["best"].is_null());
  CHECK(json[1]["confidence"] == "not confirmed");
  CHECK(json[2]["confidence"] == "not measured again");
  CHECK(json[2]["status"] == "running");
}

TEST_CASE("a repository without runs says so") {
  CHECK(PastRunsMarkdown({}) == "# Runs\n\nThere is none yet.\n");
}

}  // namespace coppice::report
