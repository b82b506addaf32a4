#include <doctest/doctest.h>
#include <fmt/format.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "eval/containment_world.h"
#include "support/eval_world.h"

// The rows of the table of failures (MEASURE §13) that take a whole
// evaluation to show: the evaluator over the real sandbox, at every level that
// this machine has.

namespace coppice::eval {
namespace {

using testing::EvalWorld;

struct LevelWorld : EvalWorld {
  std::unique_ptr<Sandbox> contained;

  explicit LevelWorld(SandboxMode mode) {
    auto made = MakeSandbox({.mode = mode, .scratch = run / "scratch"});
    REQUIRE_MESSAGE(made.has_value(), made.error().Text());
    contained = std::move(*made);
    real_sandbox = contained.get();
  }
};

// "1.5", or "metric_error: ambiguous: ...".
std::string Told(const Sample& sample) {
  if (!sample.failure) return fmt::format("{}", sample.metrics.at("score"));
  const Failure& f = *sample.failure;
  return std::string(f.outcome ? Name(*f.outcome) : "lost") + ": " + f.reason;
}

}  // namespace

TEST_CASE("FM-11 a result that is no plain file is refused at once") {
  const char* scripts[] = {
      "ln -s /etc/passwd $COPPICE_RESULT; echo score: 1",
      "mkfifo $COPPICE_RESULT; echo score: 1",
      "mkdir $COPPICE_RESULT; echo score: 1",
      "echo {} > $COPPICE_RESULT; ln $COPPICE_RESULT $COPPICE_RESULT.2",
      "truncate -s 1G $COPPICE_RESULT",
      "truncate -s 17M $COPPICE_RESULT",
      "echo 'not json' > $COPPICE_RESULT; echo score: 1",
  };
  ForEachMode([&](SandboxMode mode) {
    for (const char* script : scripts) {
      LevelWorld world(mode);
      CAPTURE(script);
      CHECK(Told(world.Run(script)).starts_with("metric_error: invalid: "));
    }
  });
}

TEST_CASE("FM-13 what a candidate can find of secrets is in no log") {
  constexpr const char* kCanary = "canary-77aa01";
  setenv("ANTHROPIC_API_KEY", kCanary, 1);
  testing::TempDir home;
  testing::WriteFile(home / ".netrc", std::string("password ") + kCanary);
  const std::string old_home = getenv("HOME") != nullptr ? getenv("HOME") : "";
  setenv("HOME", home.path().c_str(), 1);
  ForEachMode([&](SandboxMode mode) {
    LevelWorld world(mode);
    const Sample sample = world.Run(
        "env; cat /proc/*/environ /proc/*/cmdline $HOME/.netrc ~/.netrc; "
        "ls -a ~ $HOME; echo score: 1; exit 0");
    CHECK(Told(sample) == "1");
    CHECK(world.Log(1).find("COPPICE_PHASE") != std::string::npos);
    CHECK(world.Log(1).find(kCanary) == std::string::npos);
  });
  setenv("HOME", old_home.c_str(), 1);
  unsetenv("ANTHROPIC_API_KEY");
}

namespace {

constexpr const char* kPythonEvaluator =
    "import statistics, sys\n"
    "open('out').read()\n"
    "print('score:', statistics.median([4, 5, 6]))\n";
// Whatever an interpreter might load from a tree, a home or a directory.
const std::map<std::string, std::string> kPoison{
    {"sitecustomize.py", "print('score: 0')\n"},
    {"usercustomize.py", "print('score: 0')\n"},
    {"statistics.py", "def median(x): return 0\n"},
    {"bench/statistics.py", "def median(x): return 0\n"},
    {"evil.pth", "import os; print('score: 0')\n"},
    {"ld.so.preload", "./libevil.so\n"},
    {"libc.so.6", "no library\n"},
    {".bashrc", "echo score: 0\n"},
};

}  // namespace

TEST_CASE("FM-15 what a tree plants for interpreters does not change a value") {
  if (!std::filesystem::exists("/usr/bin/python3")) {
    MESSAGE("NOT TESTED: no python3 in /usr/bin");
    return;
  }
  ForEachMode([](SandboxMode mode) {
    LevelWorld world(mode);
    world.spec.evaluation.build =
        "cp .bashrc $HOME/.profile; cp sitecustomize.py $HOME; touch out";
    world.trees.Add({{"bench/eval.py", {kPythonEvaluator}},
                     {".bashrc", {"true"}},
                     {"sitecustomize.py", {"pass"}}});
    const ObjectId poisoned = world.trees.AddChange(kPoison);
    world.spec.evaluation.command = "/usr/bin/python3 -I -P bench/eval.py";
    CHECK(Told(world.Evaluate(poisoned, 1)) == "5");
  });
  // The same poison works on an evaluator that is started carelessly.
  LevelWorld careless(SandboxMode::kNone);
  careless.trees.Add({{"bench/eval.py", {kPythonEvaluator}}, {"out", {"x"}}});
  const ObjectId poisoned = careless.trees.AddChange(kPoison);
  careless.spec.evaluation.command = "/usr/bin/python3 bench/eval.py";
  CHECK(Told(careless.Evaluate(poisoned, 1)) == "0");
}

TEST_CASE("FM-16 a fake line beside the true one is no value") {
  struct Row {
    const char* script;
    const char* told;
  };
  const Row rows[] = {
      {"trap 'echo score: 1' EXIT; echo score: 5", "metric_error: ambiguous: "},
      {"(sleep 0.05; echo score: 1) & echo score: 5; sleep 0.3",
       "metric_error: ambiguous: "},
      {"echo score: 1 >&2; echo score: 5", "5"},
      {"echo score: nan", "metric_error: not a number: "},
      {"echo score: 5; printf '\\033[2K\\033[1Ascore: 1\\n'",
       "metric_error: ambiguous: "},
      {"printf 'score: 5\\rscore: 1\\n'", "metric_error: "},
      {"printf 'x score: 1\\n'; echo score: 5", "5"},
  };
  ForEachMode([&](SandboxMode mode) {
    for (const Row& row : rows) {
      LevelWorld world(mode);
      CAPTURE(std::string(row.script));
      const std::string told = Told(world.Run(row.script));
      CAPTURE(told);
      CHECK(told.starts_with(row.told));
    }
  });
}

TEST_CASE("FM-17 MC-07 no phase and no sample finds what another has kept") {
  ForEachMode([](SandboxMode mode) {
    LevelWorld world(mode);
    const std::string places =
        mode == SandboxMode::kBwrap
            ? "$TMPDIR/a /dev/shm/a $HOME/a $HOME/.cache/a"
            : "$TMPDIR/a $HOME/a $HOME/.cache/a";
    if (mode == SandboxMode::kNone) NotApplicable("FM-17 /dev/shm", "L1");
    const std::string use = "seen=0; mkdir -p $HOME/.cache; for f in " +
                            places + "; do test -e $f && seen=1; touch $f; " +
                            "done; echo score: $seen; test $seen = 0";
    world.spec.evaluation.build = use;
    world.spec.evaluation.smoke = use;
    world.spec.checks = {{.command = use}, {.command = use}};
    world.spec.evaluation.command = use;
    const Opened opened = world.Open(world.trees.Add({{"a.txt", {"a\n"}}}), 1);
    REQUIRE_FALSE(opened.failure);
    for (int index = 0; index < 2; ++index) {
      CHECK(Told(world.Measure(*opened.session, {.index = index})) == "0");
    }
  });
}

TEST_CASE("FM-21 the exit code comes before the number, in every combination") {
  struct Row {
    const char* script;
    const char* told;
  };
  const Row rows[] = {
      {"echo score: 5; exit 3", "buggy: echo score: 5; exit 3: exit 3"},
      {"echo score: 5", "5"},
      {"true", "metric_error: missing: "},
      {"exit 3", "buggy: exit 3: exit 3"},
      {"exit 139", "buggy: exit 139: exit 139"},
      {"kill -SEGV $$", "buggy: kill -SEGV $$: SIGSEGV"},
      {"echo score: 5; kill -9 $$; sleep 9", "buggy: "},
  };
  ForEachMode([&](SandboxMode mode) {
    for (const Row& row : rows) {
      LevelWorld world(mode);
      // Without control groups SIGKILL would look like memory.
      CAPTURE(row.script);
      const Sample sample = world.Run(row.script);
      if (!CountsGroups(*world.contained) && sample.signal == 9) continue;
      CHECK(Told(sample).starts_with(row.told));
    }
  });
}

TEST_CASE("MC-45 three that fail at once do not disturb a healthy one") {
  ForEachMode([](SandboxMode mode) {
    LevelWorld world(mode);
    if (!CountsGroups(*world.contained))
      return NotApplicable("MC-45", "rlimit");
    world.spec.evaluation.timeout_seconds = 60;
    world.spec.evaluation.limits.memory_mb = 64;
    world.spec.evaluation.limits.output_mb = 1;
    world.spec.evaluation.command = "exec sh c.sh";
    world.trees.Add({{"c.sh", {"echo score: 7"}}});
    std::vector<ObjectId> commits;
    for (const char* script :
         {"kill -SEGV $$", "head -c 300M /dev/zero | tail; echo score: 1",
          "yes", "sleep 0.2; echo score: 7"}) {
      commits.push_back(world.trees.AddChange({{"c.sh", script}}));
    }
    std::vector<Sample> samples(commits.size());
    Evaluator& evaluator = world.evaluator();
    auto one = [&](std::size_t i) -> Task<void> {
      const Target target{
          .attempt = AttemptId(static_cast<std::int64_t>(i) + 1),
          .commit = commits[i]};
      Opened opened = co_await evaluator.Open(target);
      if (opened.session) samples[i] = co_await opened.session->Measure({});
    };
    auto all = [&]() -> Task<bool> {
      TaskGroup group(co_await asio::this_coro::executor);
      for (std::size_t i = 0; i < commits.size(); ++i) group.Spawn(one(i));
      co_await group.Join();
      co_return true;
    };
    REQUIRE(world.Await(all()));
    CHECK(Told(samples[0]) == "buggy: exec sh c.sh: SIGSEGV");
    CHECK(Told(samples[1]).starts_with("oom: "));
    CHECK(Told(samples[2]) == "buggy: exec sh c.sh: output limit");
    CHECK(samples[2].truncated);
    CHECK(Told(samples[3]) == "7");
    CHECK(samples[3].seconds < 20);
    CHECK(world.trees.leased == 0);
  });
}

TEST_CASE("FM-06 output beyond what is kept is told beside a good value") {
  ForEachMode([](SandboxMode mode) {
    LevelWorld world(mode);
    world.spec.evaluation.limits.output_mb = 1;
    const Sample sample =
        world.Run("head -c 3000000 /dev/zero; echo; echo score: 2");
    CHECK(Told(sample) == "2");
    CHECK(sample.truncated);
    CHECK(world.Log(1).size() < (2u << 20));
    CHECK_FALSE(world.Run("echo score: 2", 2).truncated);
  });
}

TEST_CASE("MC-54 what a build leaves running cannot forge what it left lying") {
  ForEachMode([](SandboxMode mode) {
    LevelWorld world(mode);
    world.spec.evaluation.build = "sh c.sh";
    world.spec.evaluation.command =
        "sleep 0.4; echo '{\"score\": '$(cat answer)'}' > $COPPICE_RESULT";
    world.trees.Add({{"c.sh", {"echo 5 > answer"}}});
    const ObjectId forger = world.trees.AddChange(
        {{"c.sh",
          "echo 5 > answer; (setsid sh -c 'while :; do sleep 0.1; "
          "echo 1 > answer; done' &)"}});
    CHECK(Told(world.Evaluate(forger, 1)) == "5");
  });
}

}  // namespace coppice::eval
