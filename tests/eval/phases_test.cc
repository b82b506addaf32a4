#include <doctest/doctest.h>

#include <set>

#include "support/eval_world.h"

// Order, place and surroundings of the commands (MEASURE §1, §7; SPEC §6).

namespace coppice::eval {
namespace {

using testing::EvalWorld;

TEST_CASE("phases run in order, each in its own section of the log") {
  EvalWorld world;
  world.spec.evaluation.build = "echo building";
  world.spec.evaluation.smoke = "echo smoking";
  world.spec.checks = {{.command = "echo checking"},
                       {.command = "echo again", .timeout_seconds = 5}};
  const Sample sample = world.Run("echo score: 1", 3);
  CHECK_FALSE(sample.failure);
  CHECK(sample.log == "nodes/3/eval.log");
  const std::string log = world.Log(3);
  CHECK(log.find("== build: echo building\nbuilding\n== ok") !=
        std::string::npos);
  CHECK(log.find("build:") < log.find("smoke:"));
  CHECK(log.find("smoke:") < log.find("check 1:"));
  CHECK(log.find("check 1:") < log.find("check 2:"));
  CHECK(log.find("check 2:") < log.find("screen 0:"));
  CHECK(world.sandbox.requests.back().timeout == std::chrono::seconds(20));
}

TEST_CASE("MC-09 a failing phase ends the node before the next one starts") {
  struct Row {
    const char* phase;
    Outcome outcome;
  };
  const Row rows[] = {{"build", Outcome::kBuggy},
                      {"smoke", Outcome::kDegenerate},
                      {"check", Outcome::kChecksFailed}};
  for (const Row& row : rows) {
    EvalWorld world;
    const std::string fail = "echo what went wrong; exit 2";
    const auto command = [&](const char* phase) {
      return std::string(phase) == row.phase ? fail : "true";
    };
    world.spec.evaluation.smoke = command("smoke");
    world.spec.checks = {{.command = command("check")}};
    world.spec.evaluation.command = "echo score: 1";
    world.trees.Add({{"ok", {"1"}}});
    // The base builds; the candidate's build fails.
    world.spec.evaluation.build =
        std::string("test -e ok || { ") + command("build") + "; }";
    const ObjectId candidate =
        world.trees.AddChange({{"ok", ""}, {"broken", "x"}});
    world.sandbox.requests.clear();
    const Opened opened = world.Open(candidate, 4);
    CAPTURE(row.phase);
    REQUIRE(opened.failure);
    CHECK_FALSE(opened.session);
    CHECK(opened.failure->outcome == row.outcome);
    CHECK(opened.failure->reason.ends_with(": exit 2"));
    CHECK(opened.failure->tail.find("what went wrong") != std::string::npos);
    CHECK(opened.failure->log == "nodes/4/eval.log");
    for (const CommandRequest& r : world.sandbox.requests) {
      CHECK(r.command != "echo score: 1");
    }
    CHECK(world.trees.leased == 0);
  }
}

TEST_CASE("limits of time are those of the phase") {
  EvalWorld world;
  world.spec.evaluation.timeout_seconds = 30;
  world.spec.evaluation.setup = "true";
  world.spec.evaluation.build = "true";
  world.spec.evaluation.smoke = "true";
  world.spec.checks = {{.command = "true"},
                       {.command = "true", .timeout_seconds = 7}};
  CHECK_FALSE(world.Run("echo score: 1").failure);
  std::vector<int> seconds;
  std::vector<bool> network;
  for (const CommandRequest& r : world.sandbox.requests) {
    seconds.push_back(static_cast<int>(r.timeout.count() / 1000));
    network.push_back(r.network);
  }
  // setup and build of base and slot; build, smoke, two checks, command.
  CHECK(seconds == std::vector<int>{1800, 900, 1800, 900, 900, 30, 30, 7, 30});
  CHECK(network == std::vector<bool>{true, false, true, false, false, false,
                                     false, false, false});
}

TEST_CASE("commands see the variables of the contract and nothing else") {
  EvalWorld world;
  world.spec.evaluation.env = {{"WHERE", "slot {slot} port {port}"},
                               {"SEED", "{seed}"}};
  world.passed = {{"LICENSE_FILE", "/opt/license"}};
  world.trees.Add({{"base.txt", {"from the base"}}});
  const Sample sample = world.Run(
      "test \"$COPPICE_PHASE\" = measure || exit 11\n"
      "test \"$COPPICE_RUN\" = 20260901-000000-abc || exit 12\n"
      "test \"$WHERE\" = \"slot $COPPICE_SLOT port $COPPICE_PORT\" || exit 13\n"
      "test \"$SEED\" = \"$COPPICE_SEED\" || exit 14\n"
      "test $COPPICE_PORT -eq $((9000 + COPPICE_SLOT)) || exit 15\n"
      "test \"$(cat $COPPICE_BASE/base.txt)\" = 'from the base' || exit 16\n"
      "test \"$LICENSE_FILE\" = /opt/license || exit 17\n"
      "test \"$PYTHONDONTWRITEBYTECODE\" = 1 || exit 18\n"
      "test -z \"$HOME_OF_CALLER\" || exit 19\n"
      "env | grep -q NODE && exit 20\n"
      "echo score: $COPPICE_SEED");
  REQUIRE_FALSE(sample.failure);
}

TEST_CASE("the seed depends on the number of the sample, not on the node") {
  EvalWorld world;
  world.spec.evaluation.command = "echo score: $COPPICE_SEED";
  const ObjectId base = world.trees.Add({{"a", {"1"}}});
  const ObjectId other = world.trees.AddChange({{"a", "2"}});
  const Opened one = world.Open(base, 0);
  const Opened two = world.Open(other, 5);
  const auto score = [&](const Opened& opened, SamplePhase phase, int index) {
    return world.Measure(*opened.session, {.phase = phase, .index = index})
        .metrics.at("score");
  };
  const double first = score(one, SamplePhase::kScreen, 0);
  CHECK(score(two, SamplePhase::kScreen, 0) == first);
  CHECK(score(one, SamplePhase::kScreen, 1) != first);
  CHECK(score(one, SamplePhase::kConfirm, 0) != first);
}

TEST_CASE("every sample has a result path of its own that is gone afterwards") {
  EvalWorld world;
  world.spec.evaluation.command =
      "echo $COPPICE_RESULT >> paths; ls $(dirname $COPPICE_RESULT) | wc -l "
      ">> paths; echo '{\"score\": 1}' > $COPPICE_RESULT";
  const Opened opened = world.Open(world.trees.Add({{"a", {"1"}}}));
  for (int i = 0; i < 3; ++i) {
    REQUIRE_FALSE(world.Measure(*opened.session, {.index = i}).failure);
  }
  std::set<std::string> hosts;
  for (const CommandRequest& r : world.sandbox.requests) {
    for (const Bind& bind : r.binds) {
      if (bind.variable != "COPPICE_RESULT") continue;
      CHECK(bind.writable);
      CHECK_FALSE(std::filesystem::exists(bind.host));
      hosts.insert(bind.host.string() + bind.suffix);
    }
  }
  CHECK(hosts.size() == world.sandbox.requests.size());
}

TEST_CASE("warm-up runs come before the first sample only and do not count") {
  EvalWorld world;
  world.spec.evaluation.warmup = 2;
  world.spec.evaluation.command = "echo x >> runs; echo score: $(wc -l < runs)";
  const Opened opened = world.Open(world.trees.Add({{"a", {"1"}}}));
  CHECK(world.Measure(*opened.session).metrics.at("score") == 3);
  CHECK(world.Measure(*opened.session, {.index = 1}).metrics.at("score") == 4);
}

TEST_CASE("copied files are restored before every sample") {
  EvalWorld world;
  world.spec.evaluation.copy = {"data.txt"};
  world.trees.copies = {{"data.txt", {"5"}}};
  world.spec.evaluation.command =
      "echo score: $(cat data.txt); echo 99 > data.txt";
  const Opened opened = world.Open(world.trees.Add({{"a", {"1"}}}));
  CHECK(world.Measure(*opened.session).metrics.at("score") == 5);
  CHECK(world.Measure(*opened.session, {.index = 1}).metrics.at("score") == 5);
}

TEST_CASE("setup runs once a slot, also when many nodes use it") {
  EvalWorld world;
  world.spec.evaluation.setup = "mkdir -p kept && echo x >> kept/setups";
  world.trees.ignored = {"kept"};
  world.spec.evaluation.command = "echo score: $(wc -l < kept/setups)";
  const ObjectId base = world.trees.Add({{"a", {"1"}}});
  for (int i = 0; i < 5; ++i) {
    CHECK(world.Evaluate(base, i).metrics.at("score") == 1);
  }
  CHECK(world.trees.made == 1);
}

TEST_CASE("a setup that fails tells its end and its log, without a retry") {
  EvalWorld world;
  world.spec.evaluation.setup =
      "echo installing; echo no such package >&2; "
      "exit 4";
  const Opened opened = world.Open(world.trees.Add({{"a", {"1"}}}));
  REQUIRE(opened.failure);
  CHECK_FALSE(opened.failure->outcome);
  CHECK(opened.failure->phase == EvalPhase::kSetup);
  CHECK(opened.failure->tail.find("no such package") != std::string::npos);
  CHECK(opened.failure->log == "slots/1000.log");
  CHECK(testing::ReadFile(world.run.path() / "slots/1000.log")
            .find("installing") != std::string::npos);
  CHECK(world.sandbox.requests.size() == 1);
}

TEST_CASE("a base that does not build fails as the baseline's build") {
  EvalWorld world;
  world.spec.evaluation.build = "echo 'a.c:3: error: oops' >&2; exit 1";
  const ObjectId base = world.trees.Add({{"a", {"1"}}});
  const Opened opened = world.Open(base, 0);
  REQUIRE(opened.failure);
  CHECK(opened.failure->outcome == Outcome::kBuggy);
  CHECK(opened.failure->phase == EvalPhase::kBuild);
  CHECK(opened.failure->tail.find("oops") != std::string::npos);
  const Opened later = world.Open(base, 9);
  REQUIRE(later.failure);
  CHECK_FALSE(later.failure->outcome);
}

TEST_CASE("what outlives a command is noted and its slot is not used again") {
  EvalWorld world;
  const Sample sample = world.Run("setsid sleep 5 & echo score: 1", 2);
  CHECK_FALSE(sample.failure);
  CHECK(sample.leaked);
  CHECK(world.trees.dirty == 1);
}

TEST_CASE("pinned cores are the slot's own") {
  EvalWorld world;
  world.spec.evaluation.limits.cpus = 1;
  world.spec.evaluation.limits.memory_mb = 300;
  CHECK_FALSE(world.Run("echo score: 1").failure);
  CHECK(world.sandbox.requests.back().limits.cpus.size() == 1);
  CHECK(world.sandbox.requests.back().limits.memory_mb == 300);
}

TEST_CASE("directories to expose are found below the home directory") {
  EvalWorld world;
  world.spec.evaluation.expose = {"~/.cargo", "/srv/tools"};
  CHECK_FALSE(world.Run("echo score: 1").failure);
  CHECK(
      world.sandbox.requests.back().expose ==
      std::vector<std::filesystem::path>{"/home/nobody/.cargo", "/srv/tools"});
}

}  // namespace
}  // namespace coppice::eval
