#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "support/cli.h"

// Runs that are not what they should be: a journal of a later version, a cut or
// a foreign one, a directory that was copied, a lease of a host that is no
// more, a read-only file system. Each is refused or taken over as SPEC §4 and
// §11 say, and what was refused is left as it is, byte for byte.

namespace coppice {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::Ran;
using testing::ReadFile;
using testing::TinyRepo;
using testing::TinySpec;

bool Says(const Ran& ran, const std::string& text) {
  return (ran.out + ran.err).find(text) != std::string::npos;
}

// A finished run of three nodes.
struct SmallRun {
  TinyRepo repo;
  fs::path journal;

  SmallRun() {
    repo.Write("coppice.yaml",
               TinySpec("evaluation: sh measure.sh\n"
                        "budget: {max_nodes: 3, plateau_nodes: null}\n"
                        "search: {policy: linear, merge: 0}\n"));
    repo.Commit("spec");
    const Ran ran = repo.Coppice("run");
    REQUIRE_MESSAGE(ran.exit == 0, ran.err);
    journal = repo.RunDir() / "journal.db";
    fs::remove(repo.RunDir() / "status.json");
  }

  // Every command that reads or writes a run refuses this one and says why.
  void IsRefused(const std::string& why) {
    const std::string before = ReadFile(journal);
    for (const char* words :
         {"status", "tree", "report", "resume", "tell 'try harder'", "stop",
          "export --dry-run", "replay tiny", "replay tiny --verify", "add HEAD",
          "remeasure 1"}) {
      CAPTURE(words);
      const Ran ran = repo.Coppice(words);
      CAPTURE(ran.out);
      CAPTURE(ran.err);
      CHECK((ran.exit == 1 || ran.exit == 2));
      CHECK(Says(ran, why));
      CHECK(Says(ran, "journal.db"));
    }
    CHECK(ReadFile(journal) == before);
  }
};

}  // namespace

TEST_CASE("a journal of a later version is refused, naming who wrote it") {
  SmallRun run;
  testing::Shell("sqlite3 '" + run.journal.string() +
                     "' \"update meta set value='7' where key='format'; "
                     "update meta set value='9.1' where key='coppice'\"",
                 "/");
  run.IsRefused("coppice 9.1 wrote it");
}

TEST_CASE("a journal that was cut is refused and stays as it is") {
  SmallRun run;
  fs::remove(run.journal.string() + "-wal");
  SUBCASE("to nothing") { fs::resize_file(run.journal, 0); }
  SUBCASE("within its pages") {
    fs::resize_file(run.journal, fs::file_size(run.journal) / 2);
  }
  const std::string before = ReadFile(run.journal);
  for (const char* words : {"status", "resume", "replay tiny --verify"}) {
    CAPTURE(words);
    const Ran ran = run.repo.Coppice(words);
    CAPTURE(ran.err);
    CHECK(ran.exit == 1);
    CHECK(Says(ran, "journal.db"));
  }
  CHECK(ReadFile(run.journal) == before);
}

TEST_CASE("a file of another program is no journal") {
  SmallRun run;
  fs::remove(run.journal);
  SUBCASE("a database") {
    testing::Shell("sqlite3 '" + run.journal.string() +
                       "' 'create table recipes(name); pragma user_version=3'",
                   "/");
    run.IsRefused("not a journal of coppice");
  }
  SUBCASE("text") {
    testing::WriteFile(run.journal, std::string(9000, 'x'));
    run.IsRefused("left as it is");
  }
}

TEST_CASE("a run that was copied with its repository goes on there") {
  SmallRun run;
  const std::string id = run.repo.RunDir().filename();
  const std::string before = ReadFile(run.journal);
  // The lease names an owner on a host that is no more.
  testing::WriteFile(run.repo.RunDir() / "lease",
                     "{\"boot_id\":\"gone\",\"host\":\"elsewhere\",\"pid\":1,"
                     "\"start_time\":1}\n");
  TinyRepo other;
  fs::remove_all(other.path());
  testing::Shell(fmt::format("cp -a '{}' '{}'", run.repo.path().string(),
                             other.path().string()),
                 "/");
  const Ran more = other.Coppice("resume " + id + " --max-nodes 5");
  CAPTURE(more.out);
  CAPTURE(more.err);
  CHECK(more.exit == 0);
  CHECK(other.Coppice("replay " + id + " --verify").exit == 0);
  CHECK(json::parse(
            other.Coppice("--output json status").out)["current_step"] == 5);
  CHECK(ReadFile(run.journal) == before);
}

TEST_CASE("a run on a read-only file system is read and not written") {
  SmallRun run;
  const std::string id = run.repo.RunDir().filename();
  const std::string binary = std::string(COPPICE_BINARY_DIR) + "/bin/coppice ";
  auto in_read_only = [&](const std::string& words) {
    return testing::Shell(
        fmt::format("unshare -m sh -c \"mount --bind '{0}' '{0}' && mount -o "
                    "remount,ro,bind '{0}' && cd '{0}' && {1}{2}\"",
                    run.repo.path().string(), binary, words),
        "/", run.repo.env());
  };
  if (in_read_only("--help").exit != 0) {
    MESSAGE("SKIPPED: nothing can be mounted here");
    return;
  }
  const std::string before = ReadFile(run.journal);
  for (const char* words : {"status", "tree", "top", "report"}) {
    CAPTURE(words);
    const Ran ran = in_read_only(words);
    CAPTURE(ran.err);
    CHECK(ran.exit == 0);
  }
  CHECK(in_read_only("replay tiny --verify").exit == 0);
  for (const char* words : {"resume", "tell 'try harder'", "run"}) {
    CAPTURE(words);
    const Ran ran = in_read_only(words);
    CAPTURE(ran.err);
    CHECK((ran.exit == 1 || ran.exit == 2));
    CHECK((Says(ran, "ead-only") || Says(ran, "readonly") ||
           Says(ran, "may not be read or written")));
  }
  CHECK(ReadFile(run.journal) == before);
}

TEST_CASE("status reads what the run has left, and the journal when it must") {
  SmallRun run;
  const fs::path view = run.repo.RunDir() / "status.json";
  const json folded = json::parse(run.repo.Coppice("--output json status").out);
  const std::string text = run.repo.Coppice("status").out;
  REQUIRE(run.repo.Coppice("resume --max-nodes 4").exit <= 3);
  REQUIRE(fs::exists(view));
  const json shown = json::parse(run.repo.Coppice("--output json status").out);
  CHECK(shown["current_step"] == 4);
  const std::string long_text = run.repo.Coppice("status").out;
  fs::remove(view);
  CHECK(run.repo.Coppice("status").out == long_text);
  CHECK(json::parse(run.repo.Coppice("--output json status").out) == shown);
  CHECK(folded["current_step"] == 3);

  // A view that is behind the journal, or lies, is passed over.
  REQUIRE(run.repo.Coppice("resume --max-nodes 5").exit <= 3);
  json stale = json::parse(ReadFile(view));
  stale["seq"] = stale["seq"].get<int>() - 1;
  testing::WriteFile(view, stale.dump());
  CHECK(json::parse(
            run.repo.Coppice("--output json status").out)["current_step"] == 5);
  testing::WriteFile(view, "{\"format\":1,\"coppice\":");
  CHECK(json::parse(
            run.repo.Coppice("--output json status").out)["current_step"] == 5);
}

TEST_CASE("a long run that was killed is told of by what it left last") {
  SmallRun run;
  const fs::path view = run.repo.RunDir() / "status.json";
  REQUIRE(run.repo.Coppice("resume --max-nodes 4").exit <= 3);
  const std::string folded = run.repo.Coppice("status").out;
  const auto sql = [&](const std::string& words) {
    return testing::Shell(
               "sqlite3 '" + run.journal.string() + "' \"" + words + "\"",
               run.journal.parent_path())
        .out;
  };
  const int before = std::stoi(sql("SELECT max(seq) FROM events"));
  sql("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i "
      "< 20001) INSERT INTO events(seq, at, kind, attempt, body) SELECT " +
      std::to_string(before) +
      " + i, (SELECT max(at) FROM events), 'noted', NULL, "
      "'{\\\"kind\\\":\\\"told\\\",\\\"text\\\":\\\"x\\\"}' FROM n");
  json left = json::parse(ReadFile(view));
  REQUIRE(left.contains("killed_text"));
  left["killed_text"] = "as it was left\n";
  left["rests"] = 0;
  const auto says_left = [&](int behind) {
    left["seq"] = before + 20'001 - behind;
    testing::WriteFile(view, left.dump());
    return run.repo.Coppice("status").out == "as it was left\n";
  };
  CHECK(says_left(0));
  CHECK(says_left(1500));
  CHECK_FALSE(says_left(2500));  // too far behind
  CHECK_FALSE(says_left(20'001 + 1));
  // It went on after that: another process, another state.
  sql("INSERT INTO events(seq, "
      "at, kind, attempt, body) SELECT max(seq) + 1, max(at), 'paused', NULL, "
      "'{\\\"cause\\\":\\\"disk\\\",\\\"class\\\":\\\"outage\\\","
      "\\\"detail\\\":\\\"\\\"}' "
      "FROM events");
  CHECK_FALSE(says_left(100));
}

TEST_CASE("TOO-07 outside work is put into the tree and measured here") {
  SmallRun run;
  TinyRepo& repo = run.repo;
  const std::string before = repo.Git("rev-parse HEAD").out;
  repo.Git("checkout -q -b theirs");
  repo.Write("app.txt", "cost 50\n");
  repo.Commit("by hand");
  repo.Git("checkout -q main");
  const std::string user = repo.Fingerprint();
  const Ran added = repo.Coppice("add theirs --measured cost=12");
  CAPTURE(added.err);
  CHECK(added.exit == 0);
  const json record = json::parse(added.out);
  CHECK(record["outcome"] == "improved");
  CHECK(record["metrics"]["cost"] == 50);  // measured, not believed
  CHECK(record["parents"] == json::array({0}));
  CHECK(repo.Sql("select json_extract(body,'$.text') from events where "
                 "kind='noted' and json_extract(body,'$.kind')="
                 "'measured_elsewhere'") == "{\"cost\":12.0}");
  CHECK(json::parse(repo.Coppice("--output json status").out)["best_step"] ==
        4);

  repo.Write("worse.patch",
             "diff --git a/app.txt b/app.txt\n--- a/app.txt\n+++ b/app.txt\n"
             "@@ -1 +1 @@\n-cost 50\n+cost 70\n");
  CHECK(repo.Coppice("add worse.patch --parent best").exit == 3);
  CHECK(repo.Coppice("add worse.patch --parent base").exit == 2);
  CHECK(repo.Coppice("add nonsense").exit != 0);
  CHECK(repo.Coppice("add theirs --measured cost").exit == 2);
  fs::remove(repo.path() / "worse.patch");
  CHECK(repo.Fingerprint() == user);
  CHECK(repo.Coppice("replay tiny --verify").exit == 0);
  CHECK(repo.Git("rev-parse HEAD").out == before);
}

}  // namespace coppice
