#include <doctest/doctest.h>

#include "support/cli.h"

// Bad input is refused before anything is spent: exit 2, what, where, and how
// to go on; no run directory, no proposer called.

namespace coppice {
namespace {

using testing::Ran;
using testing::TinyRepo;
using testing::TinySpec;

constexpr const char* kEvaluation =
    "evaluation: sh measure.sh\n"
    "budget: {max_nodes: 3, plateau_nodes: null}\n";

bool Says(const Ran& ran, const std::string& text) {
  return ran.err.find(text) != std::string::npos ||
         ran.out.find(text) != std::string::npos;
}

void CheckNothingSpent(TinyRepo& repo) {
  CHECK(repo.RunDir().empty());
  CHECK_FALSE(std::filesystem::exists(repo.path() / "proposed"));
}

}  // namespace

TEST_CASE("AC-33 a wrong key is named with file, line and the nearest key") {
  TinyRepo repo;
  repo.Write("coppice.yaml", TinySpec("evaluation:\n  command: sh measure.sh\n"
                                      "  timeout_secs: 3\n"));
  repo.Commit("spec");
  const Ran ran = repo.Coppice("run");
  CHECK(ran.exit == 2);
  CHECK(Says(ran, "coppice.yaml:8"));
  CHECK(Says(ran, "timeout_secs"));
  CHECK(Says(ran, "did you mean \"timeout_seconds\""));
  CheckNothingSpent(repo);

  repo.Write("coppice.yaml",
             TinySpec(std::string(kEvaluation) + "stability: {mode: x}\n"));
  const Ran other = repo.Coppice("check");
  CHECK(other.exit == 2);
  CHECK(Says(other, "unknown key \"stability\""));
}

TEST_CASE("AC-11 MC-10 a baseline that fails stops all, with log and path") {
  TinyRepo repo;
  repo.Write("coppice.yaml", TinySpec("evaluation: sh broken.sh\n"
                                      "budget: {max_nodes: 3}\n"));
  repo.Write("broken.sh", "echo first line; echo the real trouble >&2; exit 7");
  repo.Write("propose.sh", "touch " + (repo.path() / "proposed").string());
  repo.Commit("spec");
  const Ran ran = repo.Coppice("run");
  CHECK(ran.exit == 2);
  CHECK(Says(ran, "the real trouble"));
  CHECK(Says(ran, "exit 7"));
  CHECK(Says(ran, "eval.log"));
  CheckNothingSpent(repo);
}

TEST_CASE("a baseline without the metric, or with two, is refused") {
  for (const char* script :
       {"echo nothing here", "echo cost: 1; echo cost: 2", "echo cost: nan"}) {
    CAPTURE(script);
    TinyRepo repo;
    repo.Write("coppice.yaml", TinySpec(kEvaluation));
    repo.Write("measure.sh", script);
    repo.Commit("spec");
    const Ran ran = repo.Coppice("run");
    CHECK(ran.exit == 2);
    CHECK(Says(ran, "cost"));
    CheckNothingSpent(repo);
  }
}

TEST_CASE(
    "AC-29 an untracked file that the evaluator needs is named with the "
    "key") {
  TinyRepo repo;
  repo.Write(".gitignore", "data.bin\n");
  repo.Write("measure.sh",
             "cat data.bin >/dev/null || exit 1\n"
             "sed -n 's/^cost /cost: /p' app.txt\n");
  repo.Write("coppice.yaml",
             TinySpec("evaluation: {command: sh measure.sh data.bin,"
                      " setup: echo setup >>setup.log}\n"
                      "budget: {max_nodes: 40, plateau_nodes: null}\n"));
  repo.Commit("spec");
  repo.Write("data.bin", "precious");
  const Ran ran = repo.Coppice("check");
  CHECK(ran.exit == 2);
  CHECK(Says(ran, "data.bin"));
  CHECK(Says(ran, "evaluation.copy"));

  SUBCASE("with copy it runs, and setup ran once") {
    repo.Write("coppice.yaml",
               TinySpec("evaluation: {command: sh measure.sh data.bin,"
                        " copy: [data.bin],"
                        " setup: echo setup >>setup.log}\n"
                        "budget: {max_nodes: 40, plateau_nodes: null}\n"));
    repo.Git("add -A");
    repo.Commit("copy");
    const Ran good = repo.Coppice("run");
    CHECK(good.exit == 0);
    CHECK(repo.Sql("select count(*) from events where attempt>0 and kind in "
                   "('evaluated','rejected')") == "40");
    int setups = 0;
    for (const auto& file :
         std::filesystem::recursive_directory_iterator(repo.cache())) {
      if (file.path().filename() != "setup.log") continue;
      ++setups;
      CHECK(testing::ReadFile(file.path()) == "setup\n");
    }
    CHECK(setups >= 1);
  }
}

TEST_CASE("AC-46 without proposer and key the way out is named") {
  TinyRepo repo;
  repo.Write("coppice.yaml", TinySpec(kEvaluation, ""));
  repo.Commit("spec");
  const Ran ran = repo.Coppice("run");
  CHECK(ran.exit == 2);
  CHECK(Says(ran, "ANTHROPIC_API_KEY"));
  CHECK(Says(ran, "OPENAI_API_KEY"));
  CHECK(Says(ran, "proposers: [{edits: {}}]"));
  CheckNothingSpent(repo);
}

TEST_CASE("AC-39 a budget that buys one proposal is said before the start") {
  TinyRepo repo;
  repo.Write("coppice.yaml", TinySpec("evaluation: sh measure.sh\n"
                                      "budget: {max_nodes: 1}\n"));
  repo.Commit("spec");
  const Ran dry = repo.Coppice("run --dry-run");
  CHECK(dry.exit == 0);
  CHECK(Says(dry, "1 node"));
  CheckNothingSpent(repo);
  const Ran ran = repo.Coppice("run");
  CHECK(Says(ran, "warning"));
  CHECK(Says(ran, "1 node"));
}

TEST_CASE("a cluster without a shared directory is refused with its line") {
  TinyRepo repo;
  repo.Write(
      "coppice.yaml",
      TinySpec("evaluation: {command: sh measure.sh, backend: slurm}\n"));
  repo.Commit("spec");
  const Ran ran = repo.Coppice("check");
  CHECK(ran.exit == 2);
  CHECK(Says(ran, "evaluation.slurm.shared_dir"));
  CHECK(Says(ran, "coppice.yaml:"));
}

TEST_CASE("check says what the metric means in use") {
  TinyRepo repo;
  repo.Write("measure.sh", "echo parse_ms: 142\n");
  auto check = [&](const std::string& metric) {
    repo.Write("coppice.yaml",
               "name: tiny\ngoal: faster\nscope: {mutable: [app.txt]}\n"
               "metric: {name: " +
                   metric +
                   ", direction: minimize}\nevaluation: sh measure.sh\n"
                   "proposers: [{edits: {}}]\n"
                   "usage: {calls_per_day: 10000, usd_per_hour: 2}\n");
    repo.Commit(metric);
    return repo.Coppice("check");
  };
  const Ran told = check("parse_ms");
  CHECK(told.exit == 0);
  CHECK(Says(told, "142 parse_ms x 10000 calls a day = 23m 40s a day"));
  CHECK(Says(told, "an hour"));
  repo.Write("measure.sh", "echo size: 142\n");
  CHECK(Says(check("size"), "usage says nothing here"));
}

TEST_CASE("repositories that cannot be searched are refused") {
  SUBCASE("none at all") {
    testing::TempDir empty;
    TinyRepo repo;
    const Ran ran = repo.Coppice("--repo " + empty.path().string() + " run");
    CHECK(ran.exit == 2);
    CHECK(Says(ran, "git"));
  }
  SUBCASE("no commit") {
    testing::TempDir empty;
    TinyRepo repo;
    repo.Git("init -q " + empty.path().string());
    testing::WriteFile(empty / "coppice.yaml", TinySpec(kEvaluation));
    const Ran ran = repo.Coppice("--repo " + empty.path().string() + " run");
    CHECK(ran.exit == 2);
    CHECK(Says(ran, "no commit"));
  }
  SUBCASE("bare") {
    testing::TempDir empty;
    TinyRepo repo;
    repo.Git("clone -q --bare . " + (empty / "bare.git").string());
    const Ran ran =
        repo.Coppice("--repo " + (empty / "bare.git").string() + " run");
    CHECK(ran.exit == 2);
    CHECK(Says(ran, "bare"));
  }
  SUBCASE("uncommitted changes within the scope") {
    TinyRepo repo;
    repo.Write("coppice.yaml", TinySpec(kEvaluation));
    repo.Commit("spec");
    repo.Write("app.txt", "cost 50\n");
    const Ran ran = repo.Coppice("run");
    CHECK(ran.exit == 2);
    CHECK(Says(ran, "app.txt"));
    CHECK(repo.Read("app.txt") == "cost 50\n");
  }
  SUBCASE("a path of the scope that matches nothing") {
    TinyRepo repo;
    repo.Write("coppice.yaml",
               "name: tiny\ngoal: g\nscope: {mutable: [nowhere.txt]}\n"
               "metric: {name: cost, direction: minimize}\n"
               "evaluation: sh measure.sh\nproposers: [{edits: {}}]\n");
    repo.Commit("spec");
    const Ran ran = repo.Coppice("run");
    CHECK(ran.exit == 2);
    CHECK(Says(ran, "nowhere.txt"));
  }
  SUBCASE("no spec") {
    TinyRepo repo;
    const Ran ran = repo.Coppice("run");
    CHECK(ran.exit == 2);
    CHECK(Says(ran, "coppice.yaml"));
  }
}

}  // namespace coppice
