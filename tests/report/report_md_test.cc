#include "report/report_md.h"

#include <doctest/doctest.h>

#include "report/analytics.h"
#include "support/golden.h"
#include "support/sample_run.h"

namespace coppice::report {
namespace {

constexpr const char* kDiff =
    "diff --git a/src/parser.cpp b/src/parser.cpp\n"
    "--- a/src/parser.cpp\n"
    "+++ b/src/parser.cpp\n"
    "@@ -1,2 +1,2 @@\n"
    " int a;\n"
    "-int b;\n"
    "+int c;  // ```\n";

std::string Page(const search::State& state, std::string diff = "") {
  return ReportMarkdown(state,
                        {.now = state.last_at(), .diff = std::move(diff)});
}

bool Has(const std::string& page, std::string_view text) {
  return page.find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("the report is as written down") {
  testing::CheckGolden("report/golden/report.md",
                       Page(*testing::Fold(testing::FruitfulRun()), kDiff));
  testing::CheckGolden("report/golden/report_fruitless.md",
                       Page(*testing::Fold(testing::FruitlessRun())));
}

TEST_CASE("a run without an improvement is told plainly, with ways to go on") {
  const std::string page = Page(*testing::Fold(testing::FruitlessRun()));
  CHECK(Has(page, "## No improvement"));
  CHECK_FALSE(Has(page, "## Result"));
  CHECK_FALSE(Has(page, "## Why node"));
  CHECK(Has(page, "Noise floor"));
  CHECK(Has(page, "3 buggy"));
  CHECK(Has(page, "What to try next"));
}

TEST_CASE("a diff cannot break out of its fence") {
  const std::string page = Page(*testing::Fold(testing::FruitfulRun()), kDiff);
  CHECK(Has(page, "````diff\n"));
  CHECK(Has(page, "src/parser.cpp +1 -1"));
}

TEST_CASE("a report of a running search does not claim a final measurement") {
  const auto records = testing::FruitfulRun();
  const std::string page =
      Page(*testing::Fold(records, testing::BeforeTheFinal(records)));
  CHECK(Has(page, "The final re-measurement has not been made"));
}

TEST_CASE("what waits for an approval is listed with the command") {
  const std::string page = Page(*testing::Fold(testing::FruitfulRun()));
  CHECK(Has(page, "Node 12 needs simdjson"));
  CHECK(Has(page, "coppice approve 20260901-223015-kqa simdjson"));
}

TEST_CASE("analytics count every finished attempt once in every table") {
  const auto state = testing::Fold(testing::FruitfulRun());
  const Analytics all = Analyse(*state);
  const int finished = static_cast<int>(state->order_of_completion().size());
  for (const auto* table : {&all.by_arm, &all.by_operator, &all.by_category}) {
    int attempts = 0;
    int improved = 0;
    for (const auto& [name, tally] : *table) {
      attempts += tally.attempts;
      improved += tally.improved;
    }
    CHECK(attempts == finished);
    CHECK(improved == 3);
  }
  CHECK(all.never_measured == 5);
  CHECK(all.usd == doctest::Approx(0.23));
  REQUIRE(all.hot_files.size() == 2);
  CHECK(all.hot_files[0].path == "src/parser.cpp");
  CHECK(all.hot_files[0].improved == 2);
}

TEST_CASE("time spent on failures counts as wasted, on losers it does not") {
  const Analytics all = Analyse(*testing::Fold(testing::FruitlessRun()));
  // Three builds that failed took 5.1 s each; node 1 was measured in full.
  CHECK(all.wasted_seconds == doctest::Approx(3 * 5.1));
  CHECK(all.measure_seconds == doctest::Approx(3 * 5.1 + 5.1 + 12.1));
}

}  // namespace coppice::report
