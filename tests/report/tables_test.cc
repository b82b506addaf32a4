#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>
#include <vector>

#include "report/digest.h"
#include "report/experiment_log.h"
#include "report/leaderboard.h"
#include "report/tsv.h"
#include "support/golden.h"
#include "support/sample_run.h"

namespace coppice::report {
namespace {

std::vector<std::string> Lines(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

}  // namespace

TEST_CASE("results.tsv states the direction and has 15 cells in every row") {
  const auto state = testing::Fold(testing::FruitfulRun());
  const std::vector<std::string> lines = Lines(ResultsTsv(*state));
  REQUIRE(lines.size() == 3 + state->order_of_completion().size());
  CHECK(lines[0] == "# metric_direction: minimize");
  CHECK(lines[1] ==
        "node\tcommit\tparent\top\tarm\tstatus\toutcome\tseconds\tgain_pct\t"
        "samples\tlines\tcost_usd\tseconds\tpeak_mb\tdescription");
  for (std::size_t i = 1; i < lines.size(); ++i) {
    CHECK(std::ranges::count(lines[i], '\t') == 14);
  }
}

TEST_CASE("results.tsv is as written down") {
  const auto state = testing::Fold(testing::FruitfulRun());
  testing::CheckGolden("report/golden/results.tsv", ResultsTsv(*state));
}

TEST_CASE("the leaderboard is as written down") {
  testing::CheckGolden("report/golden/leaderboard.md",
                       Leaderboard(*testing::Fold(testing::FruitfulRun())));
  testing::CheckGolden("report/golden/leaderboard_fruitless.md",
                       Leaderboard(*testing::Fold(testing::FruitlessRun())));
}

TEST_CASE("a failed node is never ranked, whatever it printed") {
  const auto state = testing::Fold(testing::FruitfulRun());
  // Node 9 measured 6.1, the smallest value of all, and failed a gate.
  CHECK(Leaderboard(*state).find("| - | 9 | - | - | delete src/parser.cpp:88 | "
                                 "❌ degenerate |") != std::string::npos);
}

TEST_CASE("a long leaderboard says how many rows it leaves out") {
  const auto state = testing::Fold(testing::FruitfulRun());
  const std::string page = Leaderboard(*state, 3);
  CHECK(page.find("7 more measured nodes are not shown") != std::string::npos);
  CHECK(page.find("| 4 |") == std::string::npos);
}

TEST_CASE("the digest is as written down") {
  testing::CheckGolden("report/golden/digest.md",
                       DigestMarkdown(*testing::Fold(testing::FruitfulRun())));
}

TEST_CASE("the digest warns of failures that came up more than once") {
  const auto state = testing::Fold(testing::FruitlessRun());
  CHECK(DigestMarkdown(*state).find(
            "Do not: buggy: make -j4: exit 2 (3 times)") != std::string::npos);
}

}  // namespace coppice::report
