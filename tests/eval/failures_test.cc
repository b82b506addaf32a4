#include <doctest/doctest.h>

#include "eval/environment_error.h"
#include "eval/failure_signature.h"
#include "eval/phase_failure.h"
#include "support/eval_world.h"

// What a failure says: signature, environment, likely cause (SET-07, MEA-30).

namespace coppice::eval {
namespace {

std::string Signature(std::string_view tail) {
  return FailureSignature(EvalPhase::kBuild, Verdict::kFailed, tail);
}

TEST_CASE("equal causes give equal signatures") {
  CHECK(Signature("x\n/tmp/slot-1/src/a.c:12:7: error: expected ';'\nmake: *** "
                  "[Makefile:3: a.o] Error 1\n") ==
        Signature("/var/slot-2/src/a.c:99:1: error: expected ';'\nmake: *** "
                  "[Makefile:4: a.o] Error 2\n"));
  CHECK(Signature("Segmentation fault at 0x7ffd12ab\n\n") ==
        "build|failed|Segmentation fault at H");
  CHECK(Signature("TypeError: bad  operand 3.25\n") ==
        "build|failed|TypeError: bad operand N");
}

TEST_CASE("other causes give other signatures") {
  CHECK(Signature("error: expected ';'\n") !=
        Signature("error: no member x\n"));
  CHECK(Signature("error: a\n") !=
        FailureSignature(EvalPhase::kCheck, Verdict::kFailed, "error: a\n"));
  CHECK(Signature("error: a\n") !=
        FailureSignature(EvalPhase::kBuild, Verdict::kTimeout, "error: a\n"));
}

TEST_CASE("the last error line counts, else the last line") {
  CHECK(Signature("ValueError: bad\nsummary: 1 of 2\n") ==
        "build|failed|ValueError: bad");
  CHECK(Signature("one\ntwo\n\n") == "build|failed|two");
  CHECK(Signature("") == "build|failed|");
}

TEST_CASE("the tail has the end of both streams") {
  CommandResult result;
  for (int i = 0; i < 100; ++i) {
    result.out.head += "out " + std::to_string(i) + "\n";
  }
  result.err.head = "err 1\nerr 2\n";
  const std::string tail = TailOf(result, 50);
  CHECK(tail.starts_with("out 52\n"));
  CHECK(tail.ends_with("out 99\nerr 1\nerr 2"));
  for (int i = 0; i < 100; ++i) result.err.head += "more\n";
  CHECK(TailOf(result, 50).starts_with("out 75\n"));
}

TEST_CASE("errors of the machine are recognised with their fix") {
  struct Row {
    const char* tail;
    const char* signature;
  };
  const Row rows[] = {
      {"Traceback ...\nModuleNotFoundError: No module named 'numpy'\n",
       "environment:missing module:numpy"},
      {"Error: Cannot find module 'left-pad'\nRequire stack:\n",
       "environment:missing module:left-pad"},
      {"sh: 1: cmake: not found\n", "environment:missing command:cmake"},
      {"bash: line 3: ninja: command not found\n",
       "environment:missing command:ninja"},
      {"/usr/bin/env: 'node': No such file or directory\n",
       "environment:missing command:node"},
      {"python3: can't open file '/slot/bench/eval.py': [Errno 2] No such\n",
       "environment:missing file:/slot/bench/eval.py"},
      {"FileNotFoundError: [Errno 2] No such file or directory: 'd/x.csv'\n",
       "environment:missing file:d/x.csv"},
      {"cat: data/train.csv: No such file or directory\n",
       "environment:missing file:data/train.csv"},
      {"sh: 1: ./run.sh: Permission denied\n",
       "environment:permission:./run.sh"},
      {"./a: error while loading shared libraries: libfoo.so.3: cannot open\n",
       "environment:missing library:libfoo.so.3"},
      {"write: No space left on device\n",
       "environment:no space:No space left on device"},
      {"curl: (6) Could not resolve host: pypi.org\n",
       "environment:no network:Could not resolve host"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.tail);
    const auto found = FindEnvironmentError(Verdict::kFailed, 1, row.tail);
    REQUIRE(found);
    CHECK(found->Signature() == row.signature);
    CHECK_FALSE(found->fix.empty());
    CHECK(found->fix.find("{}") == std::string::npos);
  }
  CHECK_FALSE(FindEnvironmentError(Verdict::kFailed, 1, "assert x == 3\n"));
  CHECK_FALSE(
      FindEnvironmentError(Verdict::kTimeout, -1, "No module named 'numpy'\n"));
  CHECK(FindEnvironmentError(Verdict::kFailed, 127, "")->kind ==
        "missing command");
}

TEST_CASE("a missing program makes an environment failure (MC-08)") {
  testing::EvalWorld world;
  const Sample sample = world.Run("no-such-program-here --fast");
  REQUIRE(sample.failure);
  CHECK(sample.failure->outcome == Outcome::kBuggy);
  CHECK(sample.failure->signature ==
        "environment:missing command:no-such-program-here");
  CHECK(sample.failure->reason.find("; missing command no-such-program-here: "
                                    "install no-such-program-here") !=
        std::string::npos);
}

TEST_CASE("verdicts become outcomes by phase") {
  using enum Verdict;
  const auto outcome = [](EvalPhase phase, Verdict verdict) {
    const std::optional<Outcome> o = OutcomeOf(phase, verdict);
    return std::string(o ? Name(*o) : "-");
  };
  CHECK(outcome(EvalPhase::kSetup, kFailed) == "-");
  CHECK(outcome(EvalPhase::kBuild, kFailed) == "buggy");
  CHECK(outcome(EvalPhase::kSmoke, kCrashed) == "degenerate");
  CHECK(outcome(EvalPhase::kCheck, kCrashed) == "checks_failed");
  CHECK(outcome(EvalPhase::kMeasure, kCrashed) == "buggy");
  for (const EvalPhase phase :
       {EvalPhase::kBuild, EvalPhase::kCheck, EvalPhase::kMeasure}) {
    CHECK(outcome(phase, kTimeout) == "timeout");
    CHECK(outcome(phase, kMemory) == "oom");
    CHECK(outcome(phase, kAborted) == "censored");
    CHECK(outcome(phase, kLost) == "-");
    CHECK(outcome(phase, kOk) == "-");
  }
}

// The user's tree has data/train.csv, which git does not track.
struct ExplainWorld : testing::EvalWorld {
  testing::TempDir user;
  std::set<std::string> tracked{"bench/eval.sh", "src/a.c"};

  ExplainWorld() {
    testing::WriteFile(user / "data/train.csv", "1");
    testing::WriteFile(user / "src/a.c", "1");
  }
  Error Explain(const std::string& script) {
    const Sample sample = Run(script, 0);
    return ExplainBaselineFailure(spec, *sample.failure, user.path(), tracked);
  }
};

TEST_CASE("an untracked file named in the command is named with copy (AC-29)") {
  ExplainWorld world;
  const Error error = world.Explain("cat data/train.csv && echo score: 1");
  CHECK(error.code == ErrorCode::kCheck);
  CHECK(error.what.find("the baseline failed in measure: ") == 0);
  CHECK(error.what.find("No such file or directory") != std::string::npos);
  CHECK(error.where == "nodes/0/eval.log");
  CHECK(error.cause.find("data/train.csv is in your work tree but not tracked "
                         "by git") != std::string::npos);
  CHECK(error.next.find("copy: [data/train.csv]") != std::string::npos);
}

TEST_CASE("an untracked file that only the output names is found as well") {
  ExplainWorld world;
  const Error error =
      world.Explain("echo \"cannot read '$PWD/data/train.csv'\" >&2; exit 1");
  CHECK(error.next.find("copy: [data/train.csv]") != std::string::npos);
  ExplainWorld in_directory;
  in_directory.spec.evaluation.cwd = ".";
  CHECK(in_directory.Explain("echo open train.csv in data/train.csv.; exit 1")
            .next.find("copy: [data/train.csv]") != std::string::npos);
}

TEST_CASE("a file that is copied or tracked is not blamed") {
  ExplainWorld world;
  world.spec.evaluation.copy = {"data/train.csv"};
  world.trees.copies = {{"data/train.csv", {"1"}}};
  const Error error =
      world.Explain("echo data/train.csv src/a.c; echo boom; exit 1");
  CHECK(error.next.find("copy:") == std::string::npos);
  CHECK(error.what.find("boom") != std::string::npos);
}

TEST_CASE("an environment error of the baseline is told with its fix") {
  ExplainWorld world;
  const Error error =
      world.Explain("echo \"No module named 'numpy'\" >&2; exit 1");
  CHECK(error.cause == "missing module: numpy");
  CHECK(error.next == "install numpy in evaluation.setup");
}

}  // namespace
}  // namespace coppice::eval
