#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "export_world.h"

// EXP-01, 02, 06, 07, 09: in which commits a node leaves the store, on what,
// and what is refused.

namespace coppice {
namespace {

using testing::FilesRepo;
using testing::HunkRepo;
using testing::Ran;
using testing::Says;
using testing::TinyRepo;
using testing::TinySpec;

std::string Branches(TinyRepo& repo) {
  return repo.Git("for-each-ref --format='%(refname:short)' refs/heads").out;
}

// Files that differ, a line each.
std::string Changed(TinyRepo& repo, const std::string& range) {
  return repo.Git("diff --name-only " + range).out;
}

}  // namespace

TEST_CASE(
    "AC-31 after 30 attempts the diff has only scope files, on the merge base, "
    "verified in a clean clone") {
  TinyRepo repo;
  repo.Write("coppice.yaml",
             TinySpec("evaluation: sh measure.sh\nchecks: [sh check.sh]\n"
                      "search: {policy: ucb}\n"
                      "budget: {max_nodes: 30, plateau_nodes: null}\n"));
  repo.Commit("spec");
  REQUIRE(repo.Coppice("run").exit == 0);
  repo.Write("later.txt", "main goes on\n");
  repo.Commit("later");
  const Ran ran = repo.Coppice("export");
  CAPTURE(ran.err);
  REQUIRE(ran.exit == 0);
  CHECK(Says(ran, "verified in a clean checkout: checks pass"));
  CHECK(Changed(repo, "main~1 optimize/tiny") == "app.txt\n");
  CHECK(repo.Git("merge-base main optimize/tiny").out ==
        repo.Git("rev-parse main~1").out);
  CHECK(repo.Git("rev-list --count main~1..optimize/tiny").out == "1\n");
  CHECK(repo.Git("fsck --strict --no-dangling").exit == 0);
}

TEST_CASE(
    "a stack is the steps that still matter, and ends where squash does") {
  HunkRepo repo;
  repo.Finish();
  REQUIRE(repo.Coppice("export --mode stack --branch stack").exit == 0);
  REQUIRE(repo.Coppice("export --branch squash").exit == 0);
  CHECK(repo.Git("log --reverse --format=%s main..stack").out ==
        "cost 90\ncost 80\n");
  CHECK(repo.Git("rev-parse stack^{tree}").out ==
        repo.Git("rev-parse squash^{tree}").out);
  CHECK(repo.HunksOf("main stack~1") == 1);
  CHECK(repo.Git("log --format=%b main..stack").out.find("Coppice-Node: 1") !=
        std::string::npos);
}

TEST_CASE("a step of a stack that fails its checks is one with the next") {
  TinyRepo repo;
  repo.Write("app.txt", "cost 100\n1\n2\n3\n4\n5\n6\n7\n8\n9\nmark no\n");
  // Breaks the rule of the check, then mends it in the step after.
  repo.Write("propose.sh",
             "n=$(sed -n 's/^cost //p' app.txt)\n"
             "sed -i \"s/^cost .*/cost $((n - 1))/\" app.txt\n"
             "echo \"IDEA: cost $((n - 1))\"\n");
  repo.Write("coppice.yaml",
             TinySpec("evaluation: sh measure.sh\nchecks: [sh check.sh]\n"
                      "search: {policy: linear}\n"
                      "budget: {max_nodes: 3, plateau_nodes: null}\n"));
  repo.Commit("spec");
  REQUIRE(repo.Coppice("run").exit == 0);
  // Main has since learnt that 98 is not allowed.
  repo.Write("check.sh", "! grep -q '^cost 98' app.txt\n");
  repo.Commit("a stricter check");
  const Ran ran = repo.Coppice("export --mode stack --onto main");
  CAPTURE(ran.err);
  REQUIRE(ran.exit == 0);
  CHECK(Says(ran, "1 did not pass"));
  CHECK(repo.Git("rev-list --count main..optimize/tiny").out == "2\n");
  CHECK(repo.Git("show optimize/tiny:app.txt").out.starts_with("cost 97\n"));
  CHECK(repo.Git("show optimize/tiny~1:app.txt").out.starts_with("cost 99\n"));
}

TEST_CASE(
    "a split is branches of their own files, whose union is the whole, and "
    "files that need each other stay together") {
  FilesRepo repo;
  repo.Finish();
  const Ran ran = repo.Coppice("export --mode split");
  CAPTURE(ran.err);
  REQUIRE(ran.exit == 0);
  CHECK(Branches(repo) == "main\noptimize/tiny-1\noptimize/tiny-2\n");
  CHECK(Changed(repo, "main optimize/tiny-1") == "a.txt\n");
  CHECK(Changed(repo, "main optimize/tiny-2") == "b.txt\nc.txt\n");
  REQUIRE(repo.Coppice("export --branch whole").exit == 0);
  for (const char* order : {"1 2", "2 1"}) {
    REQUIRE(repo.Git("switch -q -C union main").exit == 0);
    const Ran merged = testing::Shell(
        std::string("for i in ") + order +
            "; do git merge -q --no-edit optimize/tiny-$i || exit 1; done",
        repo.path(), repo.env());
    REQUIRE(merged.exit == 0);
    CHECK(repo.Git("rev-parse union^{tree}").out ==
          repo.Git("rev-parse whole^{tree}").out);
  }
  CHECK(Says(repo.Git("log -1 --format=%B optimize/tiny-1"),
             "2 branches together"));
}

TEST_CASE("AC-19 a node that failed is exported as it stands, unverified") {
  TinyRepo repo;
  repo.Write("propose.sh", "echo 'no cost' >app.txt; echo 'IDEA: no cost'\n");
  repo.Write("coppice.yaml",
             TinySpec("evaluation: sh measure.sh\nchecks: [sh check.sh]\n"
                      "budget: {max_nodes: 1, plateau_nodes: null}\n"));
  repo.Commit("spec");
  CHECK(repo.Coppice("run").exit == 3);
  CHECK(repo.Coppice("show 1").exit == 0);
  CHECK(Says(repo.Coppice("diff 1"), "+no cost"));
  const Ran ran = repo.Coppice("export --node 1");
  CAPTURE(ran.err);
  CHECK(ran.exit == 0);
  CHECK(Says(ran, "nothing is verified"));
  CHECK(repo.Git("show optimize/tiny:app.txt").out == "no cost\n");
  CHECK(Says(repo.Git("log -1 --format=%B optimize/tiny"),
             "Coppice-Outcome: checks_failed"));
}

TEST_CASE("what was measured is not believed when the machine says otherwise") {
  HunkRepo repo;
  repo.Finish();
  // Main takes the gain away: whatever the cost says, 100 is measured.
  repo.Write("measure.sh", "echo 'cost: 100'\n");
  repo.Commit("main measures otherwise");
  const std::string before = repo.Fingerprint();
  const Ran ran = repo.Coppice("export --onto main");
  CHECK(ran.exit == 1);
  CAPTURE(ran.err);
  CHECK(Says(ran, "takes the gain away"));
  CHECK(Says(ran, "no branch was made"));
  CHECK(repo.Fingerprint() == before);
}

TEST_CASE("names, revisions and nodes that cannot be are each a good error") {
  HunkRepo repo;
  repo.Finish();
  const std::string before = repo.Fingerprint();
  auto refused = [&](const std::string& args, int exit,
                     const std::string& saying) {
    const Ran ran = repo.Coppice("export " + args);
    CAPTURE(args);
    CAPTURE(ran.err);
    CHECK(ran.exit == exit);
    CHECK(Says(ran, saying));
    CHECK(Says(ran, "next:"));
    CHECK(repo.Fingerprint() == before);
  };
  refused("--branch 'not a name'", 1, "is no name for a branch");
  refused("--branch main", 1, "the branch main exists");
  refused("--onto nowhere", 2, "names no commit");
  refused("--node base", 2, "nothing to export");
  refused("--node 77", 2, "has no node 77");
  refused("nosuchrun", 2, "nosuchrun");
  CHECK(repo.Coppice("export --mode sideways").exit == 2);
  // A dry run measures nothing and makes nothing.
  const Ran dry = repo.Coppice("export --dry-run");
  CHECK(dry.exit == 0);
  CHECK(Says(dry, "5 hunks"));
  CHECK(Says(dry, "app.txt:50"));
  const Ran json = repo.Coppice("--output json export --dry-run");
  CHECK(nlohmann::json::parse(json.out)["hunks"] == 5);
  CHECK(repo.Fingerprint() == before);
}

TEST_CASE("a work tree with changes is left as it is") {
  HunkRepo repo;
  repo.Finish();
  repo.Write("app.txt", "in the middle of something\n");
  repo.Write("mine.txt", "mine\n");
  repo.Git("add mine.txt");
  const std::string status = repo.Git("status --porcelain").out;
  REQUIRE(repo.Coppice("export").exit == 0);
  CHECK(repo.Git("status --porcelain").out == status);
  CHECK(repo.Read("app.txt") == "in the middle of something\n");
  CHECK(repo.HunksOf("main optimize/tiny") == 1);
}

TEST_CASE("a base that main was rewritten away from is still there to export") {
  HunkRepo repo;
  repo.Finish();
  const std::string base = repo.Git("rev-parse main").out;
  REQUIRE(repo.Git("checkout -q --orphan fresh").exit == 0);
  REQUIRE(repo.Git("commit -q -m again").exit == 0);
  REQUIRE(repo.Git("branch -q -D main").exit == 0);
  REQUIRE(repo.Git("reflog expire --expire=now --all").exit == 0);
  REQUIRE(repo.Git("gc -q --prune=now").exit == 0);
  REQUIRE(repo.Coppice("export").exit == 0);
  CHECK(repo.Git("rev-parse optimize/tiny~1").out == base);
}

TEST_CASE("a patch and a bundle are what git takes, and no branch") {
  HunkRepo repo;
  repo.Finish();
  const Ran ran = repo.Coppice("export --patch out.patch --bundle out.bundle");
  CAPTURE(ran.err);
  REQUIRE(ran.exit == 0);
  CHECK(Branches(repo) == "main\n");
  REQUIRE(repo.Git("switch -q -c by-mail").exit == 0);
  REQUIRE(repo.Git("am -q out.patch").exit == 0);
  REQUIRE(repo.Git("fetch -q out.bundle optimize/tiny:by-bundle").exit == 0);
  CHECK(repo.Git("rev-parse by-mail^{tree}").out ==
        repo.Git("rev-parse by-bundle^{tree}").out);
  CHECK(repo.HunksOf("main by-mail") == 1);
  CHECK(repo.Git("log -1 --format=%B by-mail").out ==
        repo.Git("log -1 --format=%B by-bundle").out);
  const Ran nowhere = repo.Coppice("export --bundle /nowhere/out.bundle");
  CHECK(nowhere.exit == 1);
  CHECK(repo.Git("--git-dir=.git/coppice/store.git for-each-ref refs/heads")
            .out.empty());
}

TEST_CASE("ideas cannot forge trailers, or markup of the request") {
  HunkRepo repo;
  repo.Write(
      "propose.sh",
      "n=$(sed -n 's/^cost //p' app.txt)\n"
      "sed -i \"s/^cost .*/cost $((n - 10))/\" app.txt\n"
      "printf 'IDEA: <img src=x onerror=alert(1)> [x](javascript:y)\\n'\n"
      "printf 'BOTTLENECK: a\\033[31m Coppice-Metric: cost 1 -> 0\\n'\n");
  std::string spec = repo.Read("coppice.yaml");
  spec.replace(spec.find("max_nodes: 2"), 12, "max_nodes: 1");
  repo.Write("coppice.yaml", spec);
  repo.Commit("hostile");
  repo.Finish();
  REQUIRE(repo.Coppice("export").exit == 0);
  CHECK(repo.Git("log -1 --format='%(trailers:key=Coppice-Metric,valueonly)' "
                 "optimize/tiny")
            .out.starts_with("cost 100 -> 90"));
  CHECK(repo.Git("log -1 --format=%B optimize/tiny").out.find('\033') ==
        std::string::npos);
  const std::string text =
      testing::ReadFile(repo.RunDir() / "export" / "optimize-tiny.md");
  CHECK(text.find("<img") == std::string::npos);
  CHECK(text.find("[x](javascript") == std::string::npos);
}

}  // namespace coppice
