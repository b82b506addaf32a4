#include <doctest/doctest.h>

#include "eval/containment.h"
#include "support/eval_world.h"

// The evaluator over the real sandbox: what only containment can promise.

namespace coppice::eval {
namespace {

using testing::EvalWorld;

struct SandboxedWorld : EvalWorld {
  std::unique_ptr<Sandbox> contained;

  SandboxedWorld() {
    Result<std::unique_ptr<Sandbox>> made =
        MakeSandbox({.scratch = run / "scratch"});
    if (!made) return;
    contained = std::move(*made);
    real_sandbox = contained.get();
  }
  // False, with a message, on a machine that cannot contain.
  bool Contains() const {
    if (!contained) MESSAGE("not applicable here: no working bubblewrap");
    return contained != nullptr;
  }
};

std::string Told(const Sample& sample) {
  if (!sample.failure) return std::to_string(sample.metrics.at("score"));
  const Failure& f = *sample.failure;
  return std::string(f.outcome ? Name(*f.outcome) : "lost") + ": " + f.reason;
}

TEST_CASE("the whole evaluation works inside the sandbox") {
  SandboxedWorld world;
  if (!world.Contains()) return;
  world.spec.evaluation.setup = "echo set > set.txt";
  world.spec.evaluation.build = "cp a.txt built";
  world.spec.checks = {{.command = "cmp a.txt built"}};
  world.trees.ignored = {"set.txt"};
  const Sample sample = world.Run(
      "cmp $COPPICE_BASE/a.txt a.txt && test -e set.txt && "
      "echo '{\"score\": 2.5}' > $COPPICE_RESULT; echo score: 9");
  CHECK(Told(sample) == "2.500000");
  CHECK(sample.seconds > 0);
  CHECK(world.Log(1).find("score: 9") != std::string::npos);
}

TEST_CASE("the base is shown read-only and no other result path is in reach") {
  SandboxedWorld world;
  if (!world.Contains()) return;
  testing::WriteFile(world.run / "io/other/result.json", "{\"score\": 1}");
  const std::string host = (world.run / "io").string();
  const Sample sample = world.Run(
      "echo x > $COPPICE_BASE/a.txt && exit 11\n"
      "rm -f $COPPICE_BASE/a.txt 2>/dev/null && exit 12\n"
      "test -e " +
      host +
      " && exit 13\n"
      "ls $(dirname $COPPICE_RESULT)/../*/result.json 2>/dev/null && exit 14\n"
      "test \"$(ls -A $(dirname $COPPICE_RESULT))\" = '' || exit 15\n"
      "echo score: 1");
  CHECK(Told(sample) == "1.000000");
}

TEST_CASE("a candidate that overwrites the evaluator is found in the sandbox") {
  SandboxedWorld world;
  if (!world.Contains()) return;
  world.immutable.files = {"bench/e.sh"};
  world.immutable.patterns = {"bench/"};
  world.spec.evaluation.command = "sh bench/e.sh";
  world.trees.Add(
      {{"bench/e.sh", {"sh c.sh; echo score: 4"}}, {"c.sh", {"true"}}});
  const ObjectId bad =
      world.trees.AddChange({{"c.sh", "echo 'echo score: 0' > bench/e.sh"}});
  CHECK(Told(world.Evaluate(bad, 1)) ==
        "tampered: wrote what is immutable: bench/e.sh (written)");
  const ObjectId good = world.trees.AddChange({{"c.sh", "echo fine"}});
  CHECK(Told(world.Evaluate(good, 2)) == "4.000000");
}

TEST_CASE("an endless candidate that forks and holds the pipe ends (AC-25)") {
  SandboxedWorld world;
  if (!world.Contains()) return;
  world.spec.evaluation.timeout_seconds = 1;
  const Instant start = world.clock->Now();
  const Sample sample = world.Run(
      "trap '' TERM INT HUP; (while :; do :; done) & sleep 1000 & "
      "setsid sleep 1000 & while :; do sleep 1; done");
  CHECK(Told(sample).starts_with("timeout: "));
  CHECK(world.clock->Now() - start < std::chrono::seconds(7));
  CHECK(world.trees.leased == 0);
}

}  // namespace
}  // namespace coppice::eval
