#include "spec/judge_rules.h"

#include <doctest/doctest.h>

#include "spec/judge_names.h"

// What no schema can say of a judge.

namespace coppice::spec {
namespace {

Spec WithJudge() {
  Spec spec;
  spec.metric.name = "judge_score";
  spec.judge.emplace();
  spec.judge->models = {"anthropic/claude-haiku-5-5"};
  spec.judge->anchors = {{"a", "text", 5}};
  return spec;
}

std::string Wrong(const Spec& spec) {
  const Result<void> checked = CheckJudge(spec);
  return checked ? "" : checked.error().what;
}

TEST_CASE("a judge has to decide something, on a scale, in strata") {
  Spec spec = WithJudge();
  CHECK(Wrong(spec).empty());
  spec.metric.name = "seconds";
  CHECK(Wrong(spec).find("nothing uses") != std::string::npos);
  spec.metric.gates = {{.name = "pct_7plus"}};
  CHECK(Wrong(spec).empty());
  spec.judge->anchors[0].score = 11;
  CHECK(Wrong(spec).find("from 0 to 10") != std::string::npos);
  spec = WithJudge();
  spec.metric.range = {1, 5};
  CHECK(Wrong(spec).empty());
  spec.judge->anchors[0].score = 0;
  CHECK(Wrong(spec).find("from 1 to 5") != std::string::npos);
  spec = WithJudge();
  spec.judge->strata = {{"x", 1, {}}, {"x", 2, {}}};
  CHECK(Wrong(spec).find("\"x\" twice") != std::string::npos);
  spec = WithJudge();
  spec.judge->models.push_back(spec.judge->models.front());
  CHECK(Wrong(spec).find("a model twice") != std::string::npos);
  spec = WithJudge();
  spec.judge->primary = "score";
  CHECK(Wrong(spec).find("judge.primary") != std::string::npos);
}

TEST_CASE(
    "a judge of the proposer's family, without a cap or anchors, is "
    "warned about") {
  Spec spec = WithJudge();
  ModelArm arm;
  arm.model = "openai/gpt-5";
  spec.proposers.push_back({.arm = arm});
  CHECK(JudgeWarnings(spec).empty());
  spec.judge->models = {"openrouter/openai/gpt-5-mini"};
  CHECK(JudgeWarnings(spec).size() == 1);
  spec.judge->models.insert(spec.judge->models.begin(),
                            "anthropic/claude-haiku-5-5");
  REQUIRE(JudgeWarnings(spec).size() == 1);
  CHECK(JudgeWarnings(spec)[0].find("gpt-5-mini") != std::string::npos);
  spec.judge->max_cost_usd.reset();
  spec.judge->anchors.clear();
  CHECK(JudgeWarnings(spec).size() == 3);
  spec.judge.reset();
  CHECK(JudgeWarnings(spec).empty());
}

TEST_CASE("a judge of pairs fills in win_rate, and scores nothing") {
  Spec spec = WithJudge();
  spec.metric.diagnostics = {"win_rate"};
  CHECK_FALSE(FilledByJudge(spec, "win_rate"));
  spec.judge->primary = "win_rate";
  CHECK(FilledByJudge(spec, "win_rate"));
  CHECK(Wrong(spec).empty());
  spec.metric.range = {0, 100};
  CHECK(ScaleOf(spec).high == 10);  // of the anchors
  spec.metric.guards = {{.name = "mean_clarity"}};
  CHECK(Wrong(spec).find("gives no mean_clarity") != std::string::npos);
}

TEST_CASE("names with a meaning are the judge's only where there is one") {
  Spec spec = WithJudge();
  spec.metric.diagnostics = {"mean_clarity", "pct_7.5plus", "pct_plus", "mean_",
                             "other"};
  CHECK(JudgeNames(spec) ==
        std::vector<std::string>{"judge_score", "mean_clarity", "mean_score",
                                 "pct_7.5plus"});
  CHECK(*ThresholdOf("pct_7.5plus") == 7.5);
  spec.judge.reset();
  CHECK(JudgeNames(spec).empty());
}

}  // namespace
}  // namespace coppice::spec
