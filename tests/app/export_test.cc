#include <doctest/doctest.h>

#include "export_world.h"

// From a finished run to a branch or to the work tree.

namespace coppice {
namespace {

using testing::Ran;
using testing::Says;
using testing::TinyRepo;
using testing::TinySpec;

void Finished(TinyRepo& repo) {
  repo.Write("coppice.yaml",
             TinySpec("evaluation: sh measure.sh\nchecks: [sh check.sh]\n"
                      "search: {policy: linear}\n"
                      "budget: {max_nodes: 5, plateau_nodes: null}\n"));
  repo.Commit("spec");
  REQUIRE(repo.Coppice("run").exit == 0);
}

}  // namespace

TEST_CASE(
    "AC-15 a conflict with a moved main leaves no branch and no changed "
    "file") {
  TinyRepo repo;
  Finished(repo);
  repo.Write("app.txt", "cost 42\n");
  repo.Commit("main moves");
  const std::string before = repo.Fingerprint();
  const Ran ran = repo.Coppice("export --onto main");
  CHECK(ran.exit == 1);
  CHECK(Says(ran, "app.txt"));
  CHECK(repo.Git("branch --list 'optimize/*'").out.empty());
  CHECK(before == repo.Fingerprint());
}

TEST_CASE("export onto a main that moved elsewhere keeps both changes") {
  TinyRepo repo;
  Finished(repo);
  repo.Write("new.txt", "news\n");
  repo.Commit("main moves");
  const Ran ran = repo.Coppice("export --onto main");
  CAPTURE(ran.err);
  CHECK(ran.exit == 0);
  CHECK(repo.Git("show optimize/tiny:new.txt").out == "news\n");
  CHECK(repo.Git("show optimize/tiny:app.txt").out != "cost 100\n");
  CHECK(repo.Git("rev-parse optimize/tiny^").out ==
        repo.Git("rev-parse main").out);
  CHECK(repo.Git("log -1 --format=%B optimize/tiny")
            .out.find("Coppice-Metric:") != std::string::npos);
}

TEST_CASE("what is exported must hold on the holdout, in the clean checkout") {
  TinyRepo repo;
  repo.Write(".gitignore", "held.sh\n");
  repo.Write("held.sh", "sed 's/cost /cost: 1/' app.txt\n");
  repo.Write("coppice.yaml",
             TinySpec("evaluation:\n  command: sh measure.sh\n"
                      "  holdout: {command: sh held.sh, copy: [held.sh]}\n"
                      "search: {policy: linear}\n"
                      "budget: {max_nodes: 3, plateau_nodes: null}\n"));
  repo.Commit("spec");
  REQUIRE(repo.Coppice("run").exit == 0);

  const Ran good = repo.Coppice("export --branch good");
  CAPTURE(good.err);
  REQUIRE(good.exit == 0);
  CHECK(testing::ReadFile(repo.RunDir() / "export/good.md")
            .find("On the holdout, which no prompt ever showed: 1100 before, "
                  "197 after") != std::string::npos);

  // Elsewhere it loses: the data of tomorrow.
  repo.Write("held.sh", "echo cost: $((1000 - $(sed 's/cost //' app.txt)))\n");
  const Ran bad = repo.Coppice("export --branch bad");
  CHECK(bad.exit == 1);
  CHECK(Says(bad, "on the holdout the exported commit measures 903"));
  CHECK(Says(bad, "measures 900: 3 is lost"));
  CHECK(repo.Git("rev-parse --verify -q bad").exit == 1);
}

TEST_CASE("an existing branch is refused by name and left alone") {
  TinyRepo repo;
  Finished(repo);
  repo.Git("branch optimize/tiny");
  const std::string at = repo.Git("rev-parse optimize/tiny").out;
  const Ran ran = repo.Coppice("export");
  CHECK(ran.exit == 1);
  CHECK(Says(ran, "--branch"));
  CHECK(repo.Git("rev-parse optimize/tiny").out == at);
  CHECK(repo.Coppice("export --branch mine").exit == 0);
  CHECK(repo.Git("rev-parse --verify -q mine").exit == 0);
}

TEST_CASE("stack makes one commit a kept step") {
  TinyRepo repo;
  Finished(repo);
  REQUIRE(repo.Coppice("export --mode stack --branch s").exit == 0);
  REQUIRE(repo.Coppice("export --mode squash --branch q").exit == 0);
  const int stacked = std::stoi(repo.Git("rev-list --count main..s").out);
  CHECK(stacked == 5);
  CHECK(repo.Git("rev-list --count main..q").out == "1\n");
  CHECK(repo.Git("rev-parse s^{tree}").out ==
        repo.Git("rev-parse q^{tree}").out);
}

TEST_CASE("apply refuses files with changes of the user's, naming them") {
  TinyRepo repo;
  Finished(repo);
  repo.Write("app.txt", "cost 99\n");
  const Ran ran = repo.Coppice("apply");
  CHECK(ran.exit == 1);
  CHECK(Says(ran, "app.txt"));
  CHECK(repo.Read("app.txt") == "cost 99\n");
}

TEST_CASE("gc frees slots and old runs, never a run that is used") {
  TinyRepo repo;
  Finished(repo);
  const auto run = repo.RunDir();
  CHECK(repo.Coppice("gc --slots").exit == 0);
  CHECK(std::filesystem::exists(run));
  CHECK(repo.Coppice("gc --runs --older-than 1d").exit == 0);
  CHECK(std::filesystem::exists(run));
  CHECK(repo.Coppice("gc --runs --older-than 0d --dry-run").exit == 0);
  CHECK(std::filesystem::exists(run));
  CHECK(repo.Coppice("gc --runs --older-than 0d").exit == 0);
  CHECK_FALSE(std::filesystem::exists(run));
  CHECK(repo.Git("for-each-ref refs/coppice").out.empty());
  CHECK(repo.Git("fsck --strict").exit == 0);
}

}  // namespace coppice
