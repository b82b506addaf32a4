#include <doctest/doctest.h>

#include "base/simulation.h"
#include "eval/local_evaluator.h"
#include "support/eval_sandbox.h"
#include "support/eval_workspaces.h"

// Faults of ours, in virtual time (MEA-33, FM-24).

namespace coppice::eval {
namespace {

using testing::EvalSandbox;
using testing::EvalWorkspaces;

CommandResult Lost(std::string reason) {
  CommandResult result;
  result.reason = std::move(reason);
  return result;
}

CommandResult Printed(std::string text) {
  CommandResult result;
  result.verdict = Verdict::kOk;
  result.exit_code = 0;
  result.out.head = std::move(text);
  return result;
}

struct LostWorld {
  testing::TempDir run;
  spec::Spec spec;
  Simulation simulation;
  EvalWorkspaces trees;
  EvalSandbox sandbox;
  std::vector<double> started;  // virtual seconds, of every command
  std::function<CommandResult(const CommandRequest&)> answer;
  ObjectId base = trees.Add({{"a", {"1"}}});

  LostWorld() {
    spec.metric.name = "score";
    spec.evaluation.command = "measure";
    sandbox.instead = [this](const CommandRequest& request) {
      started.push_back(
          static_cast<double>(simulation.clock().Now().since_start.count()) /
          1e6);
      return std::optional(answer(request));
    };
  }

  // Opens and measures once, in virtual time.
  Sample Evaluate(SampleRequest request = {}) {
    LocalSetup setup{.spec = spec,
                     .run = "r",
                     .run_directory = run.path(),
                     .home = {},
                     .passed = {},
                     .immutable = {},
                     .habits = {},
                     .units = {}};
    LocalEvaluation local(std::move(setup), sandbox, simulation.clock(),
                          simulation.compute());
    trees.provision = local.provision();
    const std::unique_ptr<Evaluator> evaluator =
        MakeLocalEvaluator(local, trees);
    Sample sample;
    auto whole = [&]() -> Task<void> {
      const Target target{.attempt = AttemptId(5), .commit = base};
      Opened opened = co_await evaluator->Open(target);
      if (!opened.session) {
        sample.failure = opened.failure;
        co_return;
      }
      sample = co_await opened.session->Measure(request);
    };
    simulation.Run(whole());
    return sample;
  }
};

TEST_CASE("FM-24 a lost sample is taken again after 1, 5 and 25 seconds") {
  LostWorld world;
  int commands = 0;
  world.answer = [&](const CommandRequest&) {
    return ++commands < 4 ? Lost("no processes left") : Printed("score: 3\n");
  };
  const Sample sample = world.Evaluate();
  CHECK_FALSE(sample.failure);
  CHECK(sample.metrics.at("score") == 3);
  CHECK(world.started == std::vector<double>{0, 1, 6, 31});
  // Each in another slot, for the slot is the likeliest cause.
  CHECK(world.trees.dirty == 3);
  CHECK(world.trees.leased == 0);
}

TEST_CASE("what stays lost is reported as lost and never as an outcome") {
  LostWorld world;
  world.answer = [](const CommandRequest&) { return Lost("sandbox broken"); };
  const Sample sample = world.Evaluate();
  REQUIRE(sample.failure);
  CHECK_FALSE(sample.failure->outcome);
  CHECK(sample.failure->verdict == Verdict::kLost);
  CHECK(sample.failure->reason == "sandbox broken");
  CHECK(world.started == std::vector<double>{0, 1, 6, 31});
  CHECK(sample.metrics.empty());
}

TEST_CASE("a lost build is made again, and the phases after it once") {
  LostWorld world;
  world.spec.evaluation.build = "build";
  world.spec.checks = {{.command = "check"}};
  int builds = 0;
  std::vector<std::string> commands;
  world.answer = [&](const CommandRequest& request) {
    commands.push_back(request.command);
    // The first build makes the slot, the second is the node's.
    if (request.command == "build" && ++builds == 2) return Lost("EAGAIN");
    return Printed("score: 1\n");
  };
  CHECK_FALSE(world.Evaluate().failure);
  CHECK(commands == std::vector<std::string>{"build", "build", "build", "build",
                                             "check", "measure"});
}

TEST_CASE("a slot that cannot be provisioned for our fault is tried again") {
  LostWorld world;
  world.spec.evaluation.setup = "setup";
  int setups = 0;
  world.answer = [&](const CommandRequest& request) {
    if (request.command == "setup" && ++setups < 3) return Lost("disk full");
    return Printed("score: 1\n");
  };
  CHECK_FALSE(world.Evaluate().failure);
  CHECK(world.started == std::vector<double>{0, 1, 6, 6, 6});
}

TEST_CASE("a lost sample measures again only after the phases before it") {
  LostWorld world;
  world.spec.evaluation.warmup = 1;
  std::vector<std::string> phases;
  int measured = 0;
  world.answer = [&](const CommandRequest& request) {
    phases.push_back(request.command);
    return ++measured == 2 ? Lost("suspend") : Printed("score: 1\n");
  };
  CHECK_FALSE(world.Evaluate().failure);
  // Warm-up, lost sample; warm-up and sample in the new slot.
  CHECK(phases.size() == 4);
}

TEST_CASE("a cancelled search does not try again") {
  LostWorld world;
  world.answer = [](const CommandRequest&) { return Lost("cancelled"); };
  const Sample sample = world.Evaluate();
  REQUIRE(sample.failure);
  CHECK(sample.failure->reason == "cancelled");
  CHECK(world.started == std::vector<double>{0});
}

TEST_CASE("an unknown commit is lost, not a failure of the candidate") {
  LostWorld world;
  world.answer = [](const CommandRequest&) { return Printed("score: 1\n"); };
  world.base.bytes[3] = 9;
  const Sample sample = world.Evaluate();
  REQUIRE(sample.failure);
  CHECK_FALSE(sample.failure->outcome);
  CHECK(world.started.empty());
}

}  // namespace
TEST_CASE("a holdout's file that the user took away is our fault") {
  LostWorld world;
  world.answer = [](const CommandRequest&) { return Printed("score: 1\n"); };
  world.spec.evaluation.holdout = {.command = "measure", .copy = {"held.csv"}};
  const Sample held =
      world.Evaluate({.phase = SamplePhase::kHoldout, .index = 0});
  REQUIRE(held.failure);
  CHECK_FALSE(held.failure->outcome);
  CHECK(held.failure->reason.find("held.csv") != std::string::npos);
  CHECK(world.started.empty());
}

}  // namespace coppice::eval
