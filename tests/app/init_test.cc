#include <doctest/doctest.h>

#include <algorithm>

#include "export_world.h"

// SET-02, SET-03: init as its user meets it.

namespace coppice {
namespace {

using testing::Ran;
using testing::Says;
using testing::Shell;
using testing::TinyRepo;

// A program that measures itself and is tested.
void MakeProject(TinyRepo& repo) {
  repo.Write("run.py", "COST = 3\n");
  repo.Write("bench.sh", "sed -n 's/^COST = /seconds: /p' run.py\n");
  repo.Write("Makefile", "all:\n\t@true\ntest:\n\tgrep -q COST run.py\n");
  repo.Commit("project");
}

}  // namespace

TEST_CASE("init writes a spec that check accepts, and asks nothing") {
  TinyRepo repo;
  MakeProject(repo);
  const Ran ran = repo.Coppice("init 'make run.py faster'");
  CAPTURE(ran.err);
  REQUIRE(ran.exit == 0);
  CHECK(Says(ran, "coppice check"));
  const std::string spec = repo.Read("coppice.yaml");
  CAPTURE(spec);
  CHECK(spec.find("sh bench.sh") != std::string::npos);
  CHECK(spec.find("inferred from: \"faster\" in the goal") !=
        std::string::npos);
  CHECK(spec.find("TODO:") == std::string::npos);
  repo.Commit("spec");
  const Ran check =
      repo.Coppice("run --set 'proposers=[{edits: {}}]' --max-nodes 1");
  CAPTURE(check.err);
  CHECK((check.exit == 0 || check.exit == 3));
}

TEST_CASE("init leaves a file that is there, unless it is told to replace it") {
  TinyRepo repo;
  MakeProject(repo);
  repo.Write("coppice.yaml", "mine\n");
  const Ran refused = repo.Coppice("init");
  CHECK(refused.exit == 2);
  CHECK(Says(refused, "--force"));
  CHECK(repo.Read("coppice.yaml") == "mine\n");
  CHECK(repo.Coppice("init --force").exit == 0);
  CHECK(repo.Read("coppice.yaml") != "mine\n");
  // All files of a template, or none.
  repo.Write("bench/evaluate.py", "mine too\n");
  std::filesystem::remove(repo.path() / "coppice.yaml");
  CHECK(repo.Coppice("init --template speed").exit == 2);
  CHECK_FALSE(std::filesystem::exists(repo.path() / "coppice.yaml"));
}

TEST_CASE("init outside of a repository, or before its first commit, says so") {
  TinyRepo repo;
  const auto empty = repo.path().parent_path() / "empty";
  std::filesystem::create_directories(empty);
  const Ran outside = repo.Coppice("--repo " + empty.string() + " init");
  CHECK(outside.exit == 2);
  CHECK(Says(outside, "git init"));
  REQUIRE(Shell("git init -q", empty, repo.env()).exit == 0);
  const Ran before = repo.Coppice("--repo " + empty.string() + " init");
  CHECK(before.exit == 2);
  CHECK(Says(before, "no commit yet"));
}

TEST_CASE("--interactive asks eight questions at most and takes the answers") {
  TinyRepo repo;
  MakeProject(repo);
  const std::string program = std::string(COPPICE_BINARY_DIR) + "/bin/coppice";
  const Ran ran = Shell(
      "printf 'number\\nlatency less\\n2\\nrun.py\\nsh bench.sh -x\\nmake "
      "test\\n\\n5\\n' | " +
          program + " init --interactive",
      repo.path(), repo.env());
  CAPTURE(ran.err);
  REQUIRE(ran.exit == 0);
  CHECK(Says(ran, "1. A number, or a judgement"));
  CHECK(Says(ran, "8. "));
  CHECK_FALSE(Says(ran, "9. "));
  CHECK(Says(ran, "measure the thing itself"));
  const std::string spec = repo.Read("coppice.yaml");
  CAPTURE(spec);
  CHECK(spec.find("metric: {name: latency, direction: minimize, target: 2}") !=
        std::string::npos);
  CHECK(spec.find("command: sh bench.sh -x") != std::string::npos);
  CHECK(spec.find("max_cost_usd: 5") != std::string::npos);
  // Whoever only presses enter, or goes away, gets what is inferred.
  const Ran defaults = Shell(program + " init --interactive --force </dev/null",
                             repo.path(), repo.env());
  CHECK(defaults.exit == 0);
  const Ran judged =
      Shell("echo judgement | " + program + " init --interactive --force",
            repo.path(), repo.env());
  CHECK(judged.exit == 0);
  CHECK(repo.Read("coppice.yaml").find("judge_score") != std::string::npos);
}

}  // namespace coppice
