#include <doctest/doctest.h>
#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <nlohmann/json.hpp>

#include "report/experiment_log.h"
#include "report/facts.h"
#include "report/leaderboard.h"
#include "report/report_md.h"
#include "report/status.h"
#include "report/top.h"
#include "report/tree_text.h"
#include "support/sample_run.h"

// AC-52: whatever the moment, every view points at the same best.

namespace coppice::report {
namespace {

bool Has(const std::string& page, const std::string& text) {
  return page.find(text) != std::string::npos;
}

void CheckAgreement(const search::State& state) {
  const AttemptId best = state.tree()[state.best()].attempt;
  const std::int64_t number = best.value();
  const WallTime now = state.last_at();
  CHECK(StatusJson(state, now, {})["best_step"] == number);
  CHECK(TreeJson(state)["best"] == number);
  CHECK(TopJson(state, {})["best"] == number);
  const YAML::Node log = YAML::Load(ExperimentLog(state));
  CHECK(log["best"]["iteration"].as<std::int64_t>() == number);
  if (!ValueOf(state, best)) return;
  CHECK(TopAttempts(state, {}).front() == best);
  CHECK(Has(Leaderboard(state), fmt::format("| 1 | {} |", number)));
  const std::string report = ReportMarkdown(state, {.now = now, .diff = ""});
  const std::string status = StatusText(state, now, {});
  if (number == 0) {
    CHECK(Has(report, "## No improvement"));
    CHECK(Has(status, "nothing confirmed is better"));
  } else {
    CHECK(Has(report, fmt::format("## Why node {} won", number)));
    CHECK(Has(status, fmt::format("best       #{} ", number)));
  }
  CHECK(Has(TreeText(state), fmt::format("* #{} ", number)));
}

}  // namespace

TEST_CASE("at every prefix of a journal all views name the same best") {
  for (const auto& records :
       {testing::FruitfulRun(), testing::FruitlessRun()}) {
    search::State state;
    for (const search::Record& record : records) {
      CAPTURE(record.seq);
      REQUIRE(state.Apply(record).has_value());
      if (!state.tree().empty()) CheckAgreement(state);
    }
  }
}

TEST_CASE("a final that prefers another node moves the best in every view") {
  auto records = testing::FruitfulRun();
  for (search::Record& record : records) {
    if (auto* final = std::get_if<search::Final>(&record.event)) {
      final->winner = AttemptId(4);
    }
  }
  const auto state = testing::Fold(records);
  CHECK(BestAttempt(*state) == AttemptId(4));
  CheckAgreement(*state);
}

TEST_CASE("a final that confirms nothing gives the baseline back") {
  auto records = testing::FruitfulRun();
  for (search::Record& record : records) {
    if (auto* final = std::get_if<search::Final>(&record.event)) {
      final->confirmed = false;
    }
  }
  const auto state = testing::Fold(records);
  CHECK(BestAttempt(*state) == AttemptId(0));
  CheckAgreement(*state);
}

}  // namespace coppice::report
