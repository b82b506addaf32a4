#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "report/facts.h"
#include "report/plot.h"
#include "report/show.h"
#include "report/top.h"
#include "report/words.h"
#include "support/golden.h"
#include "support/sample_run.h"

namespace coppice::report {

TEST_CASE("top is as written down, as a table and as CSV") {
  const auto state = testing::Fold(testing::FruitfulRun());
  testing::CheckGolden("report/golden/top.txt", TopTable(*state, {.count = 5}));
  testing::CheckGolden("report/golden/top_all.txt",
                       TopTable(*state, {.all = true}));
  testing::CheckGolden("report/golden/top.csv", TopCsv(*state, {.all = true}));
}

TEST_CASE("top lists the best first and never a failed node unless asked") {
  const auto state = testing::Fold(testing::FruitfulRun());
  const auto measured = TopAttempts(*state, {.count = 100});
  CHECK(measured.front() == AttemptId(11));
  for (AttemptId attempt : measured) {
    CHECK(MayBeImproved(*OutcomeOf(*state, attempt)));
  }
  const auto all = TopAttempts(*state, {.all = true});
  CHECK(all.size() == 1 + state->order_of_completion().size());
}

TEST_CASE("top as JSON carries whole records and their ranks") {
  const auto state = testing::Fold(testing::FruitfulRun());
  const OrderedJson top = TopJson(*state, {.all = true});
  CHECK(top["nodes"][0]["rank"] == 1);
  CHECK(top["nodes"][0]["node"] == 11);
  CHECK(top["nodes"].back()["rank"].is_null());
}

TEST_CASE("a CSV cell is no formula to a spreadsheet") {
  auto records = testing::FruitfulRun();
  for (search::Record& record : records) {
    auto* committed = std::get_if<search::Committed>(&record.event);
    if (committed != nullptr && committed->attempt == AttemptId(2)) {
      committed->plan.idea = "=cmd|' /C calc'!A0, \"quoted\"";
    }
  }
  const std::string csv = TopCsv(*testing::Fold(records), {.all = true});
  CHECK(csv.find(",\"'=cmd|' /C calc'!A0, \"\"quoted\"\"\"\r\n") !=
        std::string::npos);
}

TEST_CASE("show is as written down") {
  const auto records = testing::FruitfulRun();
  const auto state = testing::Fold(records);
  std::string all;
  for (int attempt : {0, 1, 3, 5, 8, 11}) {
    all += ShowText(*state, AttemptId(attempt)) + "why\n" +
           WhyText(*state, AttemptId(attempt),
                   testing::OutputOf(records, AttemptId(attempt))) +
           "\n";
  }
  testing::CheckGolden("report/golden/show.txt", all);
}

TEST_CASE("every finished attempt can be shown with the reason of its end") {
  const auto state = testing::Fold(testing::FruitfulRun());
  for (AttemptId attempt : state->order_of_completion()) {
    const std::string word(OutcomeWord(*state, attempt));
    CHECK(ShowText(*state, attempt).find(word) != std::string::npos);
    CHECK(WhyText(*state, attempt).find(Safe(ReasonOf(*state, attempt), 600)) !=
          std::string::npos);
  }
}

TEST_CASE("every outcome has a rule that a reader can act on") {
  for (int i = 0; i <= static_cast<int>(Outcome::kCancelled); ++i) {
    CHECK(RuleOf(static_cast<Outcome>(i)).size() > 10);
  }
}

TEST_CASE("the lineage of the winner gives the gain of each step") {
  const auto state = testing::Fold(testing::FruitfulRun());
  const OrderedJson shown = ShowJson(*state, AttemptId(11));
  const OrderedJson& lineage = shown["lineage"];
  // 0, 1, 3 (broken), 4 (its repair), 11 (the merge).
  REQUIRE(lineage.size() == 5);
  CHECK(lineage[0]["gain"].is_null());
  CHECK(lineage[1]["gain"].get<double>() ==
        doctest::Approx(0.049).epsilon(0.1));
  CHECK(lineage[2]["value"].is_null());
  // The repair is compared with the last measured step.
  CHECK(lineage[3]["gain"].get<double>() ==
        doctest::Approx(0.076).epsilon(0.1));
}

TEST_CASE("an attempt under way is shown as undecided") {
  const auto records = testing::FruitfulRun();
  const auto state = testing::Fold(records, testing::BeforeTheFinal(records));
  CHECK(WhyText(*state, AttemptId(19)).find("nothing was decided yet") !=
        std::string::npos);
  CHECK(ShowText(*state, AttemptId(19)).find("under way") != std::string::npos);
}

TEST_CASE("the plot is as written down") {
  testing::CheckGolden("report/golden/plot.txt",
                       PlotText(*testing::Fold(testing::FruitfulRun())));
}

TEST_CASE("the best so far never gets worse and ends at the best") {
  const auto state = testing::Fold(testing::FruitfulRun());
  const std::vector<double> best = BestSoFar(*state);
  CHECK(best.size() == 1 + state->order_of_completion().size());
  CHECK(std::ranges::is_sorted(best, std::greater()));
  CHECK(best.back() == *ValueOf(*state, BestAttempt(*state)));
}

TEST_CASE("a plot of a run without a node says so") {
  CHECK(PlotText(*testing::Fold(testing::FruitfulRun(), 1)) ==
        "nothing to plot yet\n");
}

}  // namespace coppice::report
