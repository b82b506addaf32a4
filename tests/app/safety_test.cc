#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <random>

#include "support/cli.h"

// What must hold whatever happens: the user's repository is not touched, a run
// has one owner, and a killed run goes on.

namespace coppice {
namespace {

using testing::Ran;
using testing::TinyRepo;
using testing::TinySpec;

void Sleep(double seconds) { usleep(static_cast<useconds_t>(seconds * 1e6)); }

bool Says(const Ran& ran, const std::string& text) {
  return ran.err.find(text) != std::string::npos ||
         ran.out.find(text) != std::string::npos;
}

std::string Ended(TinyRepo& repo) {
  return repo.Sql(
      "select count(distinct attempt) from events where attempt>0 and kind in "
      "('evaluated','rejected')");
}

constexpr const char* kSlow =
    "evaluation: sleep 0.05; sh measure.sh\n"
    "budget: {max_nodes: 30, plateau_nodes: null}\n";

}  // namespace

TEST_CASE(
    "AC-28 MC-15 files, index, HEAD, stash, hooks and configuration of the "
    "user are never touched") {
  TinyRepo repo;
  repo.Write("coppice.yaml",
             TinySpec("evaluation: sh measure.sh\n"
                      "budget: {max_nodes: 6, plateau_nodes: null}\n"));
  repo.Write("other.txt", "one\n");
  repo.Commit("spec");
  repo.Write("other.txt", "stashed\n");
  repo.Git("stash -q");
  repo.Write("other.txt", "staged\n");
  repo.Git("add other.txt");
  repo.Write("other.txt", "staged and edited\n");
  repo.Write("untracked.txt", "mine\n");
  for (const char* hook : {"post-commit", "pre-commit", "post-checkout",
                           "reference-transaction", "post-index-change"}) {
    const std::string path = std::string(".git/hooks/") + hook;
    repo.Write(path, "#!/bin/sh\ntouch \"$(git rev-parse --git-dir)/ran\"\n");
    std::filesystem::permissions(repo.path() / path,
                                 std::filesystem::perms::owner_all);
  }
  const std::string before = repo.Fingerprint();
  CHECK(repo.Coppice("check").exit == 0);
  CHECK(before == repo.Fingerprint());
  CHECK(repo.Coppice("run").exit == 0);
  CHECK(before == repo.Fingerprint());
  CHECK(repo.Coppice("resume --max-nodes 8").exit == 0);
  CHECK(before == repo.Fingerprint());
  CHECK(repo.Coppice("export --dry-run").exit == 0);
  CHECK(before == repo.Fingerprint());
  CHECK(repo.Coppice("gc --slots").exit == 0);
  CHECK(before == repo.Fingerprint());
  CHECK(repo.Coppice("export").exit == 0);
  // The branch and nothing else.
  repo.Git("update-ref -d refs/heads/optimize/tiny");
  std::filesystem::remove_all(repo.path() / ".git/refs/heads/optimize");
  std::filesystem::remove_all(repo.path() / ".git/logs/refs/heads/optimize");
  std::filesystem::remove(repo.path() / ".git/ran");
  CHECK(before == repo.Fingerprint());
  // One ref a run outside the branches.
  CHECK(repo.Git("for-each-ref --format='%(refname)' refs/coppice")
            .out.find("refs/coppice/") != std::string::npos);
  CHECK(repo.Git("log --all --oneline -- app.txt").out.find("IDEA") ==
        std::string::npos);
}

TEST_CASE(
    "AC-05 MC-14 a run goes on after its slots were deleted, git gc, a branch "
    "switch and a dirty tree") {
  TinyRepo repo;
  repo.Write("coppice.yaml", TinySpec(kSlow));
  repo.Commit("spec");
  const pid_t pid = repo.Start("--output plain run");
  while (repo.RunDir().empty()) Sleep(0.05);
  Sleep(1.0);
  kill(pid, SIGKILL);
  TinyRepo::Wait(pid);
  REQUIRE_FALSE(repo.RunDir().empty());
  std::filesystem::remove_all(repo.cache());
  repo.Git("checkout -q -b elsewhere");
  repo.Git("rm -q propose.sh");
  repo.Commit("something else");
  repo.Git("reflog expire --expire=now --all");
  CHECK(repo.Git("gc -q --prune=now").exit == 0);
  repo.Write("app.txt", "dirty\n");
  const std::string before = repo.Fingerprint();
  const Ran resumed = repo.Coppice("resume");
  CAPTURE(resumed.err);
  CHECK(resumed.exit == 0);
  CHECK(before == repo.Fingerprint());
  CHECK(Ended(repo) == "30");
}

TEST_CASE("a slot deleted under a running search is made again") {
  TinyRepo repo;
  repo.Write("coppice.yaml", TinySpec(kSlow));
  repo.Commit("spec");
  const pid_t pid = repo.Start("--output plain run");
  for (int i = 0; i < 5; ++i) {
    Sleep(0.4);
    testing::Shell("rm -rf " + repo.cache().string(), repo.path());
  }
  CHECK(TinyRepo::Wait(pid) == 0);
  CHECK(Ended(repo) == "30");
  // Nothing was held against a candidate.
  CHECK(repo.Sql("select count(*) from events where kind='evaluated' and "
                 "body like '%buggy%'") == "0");
}

TEST_CASE("AC-14 a run has one owner, and a dead owner is replaced") {
  TinyRepo repo;
  repo.Write("coppice.yaml",
             TinySpec("evaluation: sleep 0.2; sh measure.sh\n"
                      "budget: {max_nodes: 8, plateau_nodes: null}\n"));
  repo.Commit("spec");
  const pid_t pid = repo.Start("--output plain run");
  while (repo.RunDir().empty()) Sleep(0.05);
  Sleep(0.5);
  const Ran second = repo.Coppice("resume");
  CHECK(second.exit == 6);
  CHECK(Says(second, std::to_string(pid)));
  kill(pid, SIGKILL);
  TinyRepo::Wait(pid);
  CHECK(repo.Coppice("resume").exit == 0);
}

TEST_CASE("one SIGINT drains, and the run is resumable") {
  TinyRepo repo;
  repo.Write("coppice.yaml",
             TinySpec("evaluation: sleep 0.3; sh measure.sh\n"
                      "budget: {max_nodes: 24, plateau_nodes: null}\n"));
  repo.Commit("spec");
  const pid_t pid = repo.Start("--output plain run");
  while (repo.RunDir().empty()) Sleep(0.05);
  Sleep(1.0);
  SUBCASE("one") {
    kill(pid, SIGINT);
    CHECK(TinyRepo::Wait(pid) == 130);
    // One that was selected but not yet asked for waits for the resume.
    CHECK(repo.Sql("select count(distinct attempt) from events where "
                   "kind='asked'") ==
          repo.Sql("select count(*) from events where attempt>0 and kind in "
                   "('evaluated','rejected')"));
  }
  SUBCASE("TERM ends at once") {
    kill(pid, SIGTERM);
    CHECK(TinyRepo::Wait(pid) == 143);
  }
  CHECK(repo.Leftovers() == 0);
  CHECK(repo.Coppice("resume").exit == 0);
}

TEST_CASE(
    "AC-04 FM-25 killed at 50 random points a run keeps its journal, repeats "
    "no answer and leaves nothing behind") {
  TinyRepo repo;
  repo.Write("coppice.yaml",
             TinySpec("evaluation: sh measure.sh\n"
                      "search: {policy: linear}\n"
                      "budget: {max_nodes: 400, plateau_nodes: null}\n"));
  repo.Commit("spec");
  std::mt19937 random(4);
  std::uniform_real_distribution<double> wait(0.05, 0.5);
  std::string prefix;
  int kills = 0;
  bool ended = false;
  while (kills < 50 && !ended) {
    const pid_t pid =
        repo.Start(kills == 0 ? "--output plain run" : "--output plain resume");
    if (kills == 0) {
      // Before its first record a run has promised nothing.
      while (repo.RunDir().empty() ||
             repo.Sql("select count(*) from events") == "0") {
        Sleep(0.02);
      }
    }
    Sleep(wait(random));
    ended = kill(pid, SIGKILL) != 0;
    const int exit = TinyRepo::Wait(pid);
    ended = exit == 0;
    ++kills;
    const std::string rows = repo.Sql(
        "select seq||' '||kind||' '||coalesce(attempt,'')||' '||body from "
        "events order by seq");
    CHECK(rows.starts_with(prefix));
    prefix = rows;
  }
  CHECK(kills == 50);
  const Ran last = repo.Coppice("resume");
  CAPTURE(last.err);
  CHECK(last.exit == 0);
  // A linear chain on a deterministic metric: each attempt lowers the cost by
  // one, so the undisturbed run is known.
  CHECK(repo.Sql("select count(*) from events where kind='evaluated' and "
                 "attempt>0") == "400");
  CHECK(repo.Sql("select json_extract(body,'$.value') from events where "
                 "kind='evaluated' and attempt=400") == "-300.0");
  // A call that a kill cut off is closed and made once more; an answer on
  // record is never asked for again.
  CHECK(repo.Sql("select count(*) from (select attempt,count(*) c from events "
                 "where kind='answered' and json_extract(body,'$.stop')="
                 "'complete' group by attempt having c>1)") == "0");
  CHECK(repo.Sql("select count(*) from (select attempt,count(*) c from events "
                 "where kind='committed' group by attempt having c>1)") == "0");
  CHECK(repo.Leftovers() == 0);
  const std::string id = repo.RunDir().filename();
  CHECK(repo.Coppice("replay " + id).exit == 0);
  CHECK(repo.Git("--git-dir .git/coppice/store.git fsck --strict").exit == 0);
}

TEST_CASE("FM-07 MC-46 a full disk holds the run until there is room") {
  TinyRepo repo;
  repo.Write("coppice.yaml",
             TinySpec("evaluation: sh measure.sh\n"
                      "budget: {max_nodes: 4, plateau_nodes: null}\n"));
  repo.Commit("spec");
  const std::string disk = repo.cache().string();
  if (testing::Shell("mkdir -p " + disk +
                         " && mount -t tmpfs -o size=8m "
                         "tmpfs " +
                         disk,
                     repo.path())
          .exit != 0) {
    MESSAGE("skipped: a small disk can only be mounted by root");
    return;
  }
  const pid_t run = repo.Start("run");
  for (int tries = 0; tries < 600; ++tries) {
    if (repo.BackgroundOutput().find("nothing new is started") !=
        std::string::npos) {
      break;
    }
    Sleep(0.05);
  }
  CHECK(repo.Sql("select count(*) from events where kind='selected'") == "0");
  testing::Shell("mount -o remount,size=1g " + disk, repo.path());
  CHECK(TinyRepo::Wait(run) == 0);
  CHECK(repo.BackgroundOutput().find("MB are free") != std::string::npos);
  CHECK(repo.Sql("select count(*) from events where kind='noted' and "
                 "json_extract(body,'$.kind')='disk'") == "2");
  testing::Shell("umount " + disk, repo.path());
}

TEST_CASE("AC-52 at every prefix of a journal all views name one best") {
  TinyRepo repo;
  repo.Write("coppice.yaml",
             TinySpec("evaluation: sh measure.sh\n"
                      "budget: {max_nodes: 5, plateau_nodes: null}\n"));
  repo.Commit("spec");
  REQUIRE(repo.Coppice("run").exit == 0);
  const auto run = repo.RunDir();
  const auto journal = run / "journal.db";
  const int records = std::stoi(repo.Sql("select max(seq) from events"));
  const std::string whole = testing::ReadFile(journal);
  // A finished run has no write-ahead log left; its file is the journal.
  for (int seq = 9; seq <= records; ++seq) {
    CAPTURE(seq);
    testing::WriteFile(journal, whole);
    testing::Shell(fmt::format("sqlite3 {} \"drop trigger if exists "
                               "events_no_delete; delete from events where "
                               "seq>{};\"",
                               journal.string(), seq),
                   run);
    const auto status =
        nlohmann::json::parse(repo.Coppice("--output json status").out);
    const std::string best = std::to_string(status["best_step"].get<int>());
    const auto top =
        nlohmann::json::parse(repo.Coppice("--output json top -n 1").out);
    const Ran exported = repo.Coppice("--output json export --dry-run");
    if (best != "0") {
      CHECK(std::to_string(
                nlohmann::json::parse(exported.out)["node"].get<int>()) ==
            best);
    }
    const Ran show = repo.Coppice("--output json show best");
    CHECK(std::to_string(nlohmann::json::parse(show.out)["node"].get<int>()) ==
          best);
    CHECK(repo.Coppice("report").out.find("node " + best) != std::string::npos);
  }
  testing::WriteFile(journal, whole);
  const auto status =
      nlohmann::json::parse(repo.Coppice("--output json status").out);
  const std::string best = std::to_string(status["best_step"].get<int>());
  const std::string id = run.filename();
  std::string commit = repo.Sql(
      "select json_extract(body,'$.commit') from events where "
      "kind='committed' and attempt=" +
      best);
  CHECK(repo.Git("--git-dir .git/coppice/store.git rev-parse refs/best/" + id)
            .out == commit + "\n");
}

}  // namespace coppice
