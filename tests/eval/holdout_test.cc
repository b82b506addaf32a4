#include <doctest/doctest.h>

#include "support/eval_world.h"

// The holdout's command, its files, and `diagnose` (MEASURE §1, AC-21).

namespace coppice::eval {
namespace {

using testing::EvalWorld;

constexpr SampleRequest kHoldout{.phase = SamplePhase::kHoldout, .index = 0};

struct HoldoutWorld : EvalWorld {
  HoldoutWorld() {
    spec.evaluation.build = "test ! -e data/held.csv";
    spec.evaluation.command = "test ! -e data/held.csv && echo score: 1";
    spec.evaluation.holdout = {
        .command = "echo secret output; echo score: $(cat data/held.csv)",
        .copy = {"data/held.csv"}};
    trees.Add({{"code", {"x"}}, {"data/train.csv", {"1"}}});
    trees.users["data/held.csv"] = {"7"};
  }
};

}  // namespace

TEST_CASE("AC-21 the holdout's files are there for its command alone") {
  HoldoutWorld world;
  Opened opened = world.Open(world.trees.AddChange({{"code", "y"}}), 3);
  REQUIRE(opened.session);
  CHECK(world.Measure(*opened.session).metrics.at("score") == 1);
  const Sample held = world.Measure(*opened.session, kHoldout);
  CHECK_FALSE(held.failure);
  CHECK(held.metrics.at("score") == 7);
  CHECK(held.phase == SamplePhase::kHoldout);
  CHECK(held.log == "nodes/3/holdout.log");
  CHECK(world.Measure(*opened.session).metrics.at("score") == 1);
  CHECK(world.Log(3).find("secret output") == std::string::npos);
  CHECK(testing::ReadFile(world.run / held.log).find("secret output") !=
        std::string::npos);
  // What a candidate kept of the files in its slot goes with the slot.
  opened.session.reset();
  CHECK(world.trees.dirty == 1);
}

TEST_CASE(
    "what a candidate does wrong on the holdout is no outcome of its own") {
  struct Row {
    const char* command;
    const char* reason;
  };
  for (const Row& row :
       {Row{"echo hush; exit 3", "holdout: echo hush; exit 3: exit 3"},
        Row{"echo nothing", "holdout: missing: "},
        Row{"sleep 20", "holdout: sleep 20: timeout (wall)"}}) {
    CAPTURE(row.command);
    HoldoutWorld world;
    world.spec.evaluation.timeout_seconds = 1;
    world.spec.evaluation.holdout->command = row.command;
    Opened opened = world.Open(world.trees.AddChange({{"code", "y"}}), 3);
    REQUIRE(opened.session);
    const Sample held = world.Measure(*opened.session, kHoldout);
    REQUIRE(held.failure);
    CHECK(held.failure->outcome == Outcome::kInconclusive);
    CHECK(held.failure->reason.starts_with(row.reason));
    CHECK(held.failure->tail.empty());
  }
}

TEST_CASE("a diagnosis is what its command prints, cut in the middle") {
  HoldoutWorld world;
  world.spec.evaluation.diagnose =
      "printf 'hot \\033[1mloop\\n'; yes line | head -3000; echo the end";
  Opened opened = world.Open(world.trees.AddChange({{"code", "y"}}), 3);
  REQUIRE(opened.session);
  const Diagnosis diagnosis = world.Await(opened.session->Diagnose());
  CHECK(diagnosis.problem.empty());
  CHECK(diagnosis.text.starts_with("hot loop\n"));
  CHECK(diagnosis.text.ends_with("the end\n"));
  CHECK(diagnosis.text.size() <= 8192);
}

TEST_CASE("a profiler that fails says why and nothing else happens") {
  HoldoutWorld world;
  world.spec.evaluation.diagnose = "no-such-profiler";
  Opened opened = world.Open(world.trees.AddChange({{"code", "y"}}), 3);
  REQUIRE(opened.session);
  const Diagnosis diagnosis = world.Await(opened.session->Diagnose());
  CHECK(diagnosis.text.empty());
  CHECK(diagnosis.problem.find("exit 127") != std::string::npos);
  CHECK_FALSE(world.Measure(*opened.session).failure);
}

}  // namespace coppice::eval
