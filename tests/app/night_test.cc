#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/file.h"
#include "support/cli.h"

// Steering a live run from another process: stop, tell, derive, the run in the
// background, and looking on without a terminal.

namespace coppice {
namespace {

using nlohmann::json;
using testing::Ran;
using testing::TinyRepo;
using testing::TinySpec;

constexpr const char* kLong =
    "evaluation: sh measure.sh\n"
    "budget: {max_nodes: 500, plateau_nodes: null}\n"
    "search: {policy: linear, merge: 0}\n";

bool Says(const Ran& ran, const std::string& text) {
  return (ran.out + ran.err).find(text) != std::string::npos;
}

bool Eventually(const std::function<bool()>& holds, int seconds = 20) {
  for (int i = 0; i < seconds * 20; ++i) {
    if (holds()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return false;
}

int Number(const std::string& text) { return text.empty() ? 0 : stoi(text); }

// A repository whose candidates take a while.
void Prepare(TinyRepo& repo, const std::string& extra = kLong) {
  repo.Write("measure.sh", "sleep 0.2\nsed -n 's/^cost /cost: /p' app.txt\n");
  repo.Write("coppice.yaml", TinySpec(extra));
  repo.Commit("spec");
}

int Finished(TinyRepo& repo) {
  if (repo.RunDir().empty()) return 0;
  return Number(
      repo.Sql("select count(*) from events where kind in "
               "('evaluated','rejected') and attempt>0"));
}

std::string Last(TinyRepo& repo, const char* field) {
  return repo.Sql(
      fmt::format("select json_extract(body,'$.{}') from events "
                  "where kind='stopped' order by seq desc limit 1",
                  field));
}

// A live run that has finished something.
pid_t StartRun(TinyRepo& repo) {
  const pid_t pid = repo.Start("--output plain run");
  const bool begun = Eventually([&] { return Finished(repo) >= 2; });
  if (!begun) FAIL(repo.BackgroundOutput());
  return pid;
}

}  // namespace

TEST_CASE("stop lets what runs end, measures the best again, and exits") {
  TinyRepo repo;
  Prepare(repo);
  const pid_t pid = StartRun(repo);
  const Ran stop = repo.Coppice("stop");
  CAPTURE(stop.err);
  CHECK(stop.exit == 0);
  CHECK(Says(stop, "stopping run"));
  CHECK(Says(stop, "coppice resume"));
  CHECK(TinyRepo::Wait(pid) == 0);
  CHECK(Last(repo, "reason") == "stopped");
  CHECK(repo.Sql("select count(*) from events where kind='final'") == "1");
  CHECK(repo.Coppice("status").out.find("by `coppice stop`") !=
        std::string::npos);

  const Ran again = repo.Coppice("stop");
  CHECK(again.exit == 0);
  CHECK(Says(again, "not running"));
  const int before = Finished(repo);
  const Ran more =
      repo.Coppice(fmt::format("resume --max-nodes {}", before + 2));
  CAPTURE(more.err);
  CHECK(more.exit == 0);
  CHECK(Finished(repo) == before + 2);
}

TEST_CASE("stop --now cancels what runs, and the run can be resumed") {
  TinyRepo repo;
  Prepare(repo);
  const pid_t pid = StartRun(repo);
  const Ran stop = repo.Coppice("--output json stop --now");
  CHECK(stop.exit == 0);
  CHECK(json::parse(stop.out)["state"] == "ended");
  CHECK(json::parse(stop.out)["how"] == "inbox");
  CHECK(TinyRepo::Wait(pid) == 143);
  CHECK(repo.Sql("select count(*) from events where kind='final'") == "0");
  CHECK(repo.Leftovers() == 0);
  CHECK(repo.Coppice(fmt::format("resume --max-nodes {}", Finished(repo) + 1))
            .exit == 0);
}

TEST_CASE("a run that does not hear is stopped by a signal to its process") {
  TinyRepo repo;
  Prepare(repo);
  const pid_t pid = StartRun(repo);
  kill(pid, SIGSTOP);
  const Ran stop = repo.Coppice("stop");
  CAPTURE(stop.err);
  CHECK(stop.exit == 0);
  CHECK(Says(stop, "SIGINT"));
  kill(pid, SIGCONT);
  // The word is found as well by now: whichever comes first, it ends.
  const int exit = TinyRepo::Wait(pid);
  CHECK((exit == 130 || exit == 0));
  CHECK(repo.Leftovers() == 0);
}

TEST_CASE("a run suspended while it writes is stopped by a signal as well") {
  TinyRepo repo;
  Prepare(repo);
  const pid_t pid = StartRun(repo);
  kill(pid, SIGSTOP);
  const std::string journal = repo.RunDir() / "journal.db";
  // Whoever writes holds the journal, here for longer than `stop` waits.
  testing::Shell(
      fmt::format("sqlite3 '{}' 'BEGIN IMMEDIATE' '.shell exec sleep 60' "
                  ">/dev/null 2>&1 & sleep 0.5",
                  journal),
      "/");
  const Ran stop = repo.Coppice("stop");
  CAPTURE(stop.err);
  CHECK(stop.exit == 0);
  CHECK(Says(stop, "SIGINT"));
  testing::Shell(fmt::format("pkill -f '^sqlite3 {}'", journal), "/");
  kill(pid, SIGCONT);
  CHECK(TinyRepo::Wait(pid) == 130);
  CHECK(repo.Leftovers() == 0);
}

TEST_CASE("a stop meant for a process that is gone does not stop the next") {
  TinyRepo repo;
  Prepare(repo);
  const pid_t pid = StartRun(repo);
  kill(pid, SIGKILL);
  TinyRepo::Wait(pid);
  CHECK(Says(repo.Coppice("stop"), "not running"));
  const Ran sent = testing::Shell(
      "sqlite3 " + (repo.RunDir() / "journal.db").string() +
          " \"insert into inbox(at, body) values (1, "
          "'{\\\"steer\\\":\\\"stop\\\",\\\"process\\\":\\\"here 1 2 "
          "x\\\"}')\"",
      repo.path());
  CHECK(sent.exit == 0);
  const int before = Finished(repo);
  CHECK(repo.Coppice(fmt::format("resume --max-nodes {}", before + 3)).exit ==
        0);
  CHECK(Finished(repo) == before + 3);
  CHECK(Last(repo, "reason") == "max_nodes");
}

TEST_CASE("RUN-15 a live run is paused, goes on, and takes another budget") {
  TinyRepo repo;
  Prepare(repo);
  const pid_t pid = StartRun(repo);
  REQUIRE(repo.Coppice("tell --pause").exit == 0);
  auto paused = [&] {
    return Says(repo.Coppice("status"), "tell") &&
           repo.Sql("select count(*) from events where kind='paused'") == "1";
  };
  CHECK(Eventually(paused));
  CHECK(Says(repo.Coppice("status"), "--continue"));
  const bool quiet = Eventually([&] {
    const int now = Finished(repo);
    std::this_thread::sleep_for(std::chrono::milliseconds(700));
    return Finished(repo) == now;
  });
  CHECK(quiet);
  const int held = Finished(repo);
  REQUIRE(repo.Coppice(fmt::format("tell --set budget.max_nodes={}", held + 3))
              .exit == 0);
  REQUIRE(repo.Coppice("tell --continue").exit == 0);
  CHECK(TinyRepo::Wait(pid) == 0);
  CHECK(Finished(repo) == held + 3);
  CHECK(Last(repo, "reason") == "max_nodes");
}

TEST_CASE("RUN-15 what cannot be meant is refused before it is told") {
  TinyRepo repo;
  Prepare(repo, std::string("evaluation: sh measure.sh\n") +
                    "budget: {max_nodes: 2, plateau_nodes: null}\n");
  REQUIRE(repo.Coppice("run").exit == 0);
  for (const char* words :
       {"tell --pause", "tell --continue", "tell --prune 0", "tell --prune 99",
        "tell --pin 99", "tell --set metric.name=x",
        "tell --set budget.max_nodes=-1", "tell --set budget.nodes=3",
        "tell --pause --continue", "derive --from 99 -i x", "derive"}) {
    CAPTURE(words);
    CHECK(repo.Coppice(words).exit == 2);
  }
  CHECK(repo.Sql("select count(*) from inbox") == "0");
}

TEST_CASE("SEA-17 pin, prune and derive say where the search grows") {
  TinyRepo repo;
  Prepare(repo, std::string("evaluation: sh measure.sh\n") +
                    "budget: {max_nodes: 3, plateau_nodes: null}\n"
                    "search: {policy: linear, merge: 0}\n");
  REQUIRE(repo.Coppice("run").exit == 0);
  auto parents = [&](int attempt) {
    return repo.Sql(
        fmt::format("select json_extract(body,'$.parents[0]') from "
                    "events where kind='selected' and attempt={}",
                    attempt));
  };
  REQUIRE(parents(3) == "2");
  REQUIRE(repo.Coppice("tell --pin 1").exit == 0);
  REQUIRE(repo.Coppice("resume --max-nodes 4").exit <= 3);
  CHECK(parents(4) == "1");

  REQUIRE(repo.Coppice("tell --pin none").exit == 0);
  REQUIRE(repo.Coppice("derive --from base -i 'start over'").exit == 0);
  REQUIRE(repo.Coppice("resume --max-nodes 5").exit <= 3);
  CHECK(parents(5) == "0");
  CHECK(repo.Sql("select json_extract(body,'$.history') || ' ' || "
                 "json_extract(body,'$.idea') from events where "
                 "kind='selected' and attempt=5") == "withheld start over");

  // The best and all below it is out; what is left is the best.
  const json before = json::parse(repo.Coppice("--output json status").out);
  REQUIRE(before["best_step"] == 3);
  REQUIRE(repo.Coppice("tell --prune 3").exit == 0);
  REQUIRE(repo.Coppice("resume --max-nodes 6").exit <= 3);
  const json after = json::parse(repo.Coppice("--output json status").out);
  CHECK(after["best_step"] != 3);
  CHECK(parents(6) == "2");
}

TEST_CASE("a run whose terminal takes nothing goes on") {
  TinyRepo repo;
  repo.Write("coppice.yaml",
             TinySpec("evaluation: \"sed -n 's/^cost /cost: /p' app.txt\"\n"
                      "budget: {max_nodes: 60, plateau_nodes: null}\n"
                      "search: {policy: linear, merge: 0}\n"));
  repo.Commit("spec");
  const Ran ran = repo.Coppice("run >/dev/full");  // 4 KB are kept by the libc
  CAPTURE(ran.err);
  CHECK((ran.exit == 0 || ran.exit == 3));
  CHECK(Finished(repo) == 60);
  CHECK(repo.Sql("select count(*) from events where kind='stopped'") == "1");
}

TEST_CASE("RUN-12 a run in the background outlives its terminal") {
  TinyRepo repo;
  Prepare(repo);
  const Ran ran = repo.Coppice("--output json run --daemon");
  CAPTURE(ran.err);
  CAPTURE(ran.out);
  REQUIRE(ran.exit == 0);
  const json told = json::parse(ran.out.substr(ran.out.rfind("{\"dir")));
  const auto pid = told["pid"].get<pid_t>();
  const std::string run = told["run"];
  CHECK(run == repo.RunDir().filename());
  kill(pid, SIGHUP);
  const int before = Finished(repo);
  CHECK(Eventually([&] { return Finished(repo) > before + 1; }));
  CHECK(repo.Coppice("resume " + run).exit == 6);
  CHECK(repo.Coppice("stop " + run).exit == 0);
  CHECK(Eventually([&] { return Last(repo, "reason") == "stopped"; }));
  CHECK(Eventually([&] { return repo.Leftovers() == 0; }));

  const Ran more = repo.Coppice(
      fmt::format("resume --daemon --max-nodes {}", Finished(repo) + 2));
  CHECK(more.exit == 0);
  CHECK(Says(more, "coppice stop " + run));
  CHECK(Eventually([&] { return Last(repo, "reason") == "max_nodes"; }));
  CHECK(Eventually([&] { return repo.Leftovers() == 0; }));
  const std::string log = ReadWholeOrNothing(repo.RunDir() / "coppice.log");
  CHECK(log.find("new best") != std::string::npos);
  CHECK(log.find("report: ") != std::string::npos);
}

TEST_CASE("RUN-12 what check finds is said on the terminal, with its exit") {
  TinyRepo repo;
  Prepare(repo, "evaluation: 'false'\n");
  const Ran ran = repo.Coppice("run --daemon");
  CHECK(ran.exit == 2);
  CHECK(Says(ran, "baseline"));
  CHECK(repo.RunDir().empty());
  CHECK(repo.Leftovers() == 0);
}

TEST_CASE("watch without a terminal is a line for each piece of news") {
  TinyRepo repo;
  Prepare(repo);
  const pid_t pid = StartRun(repo);
  std::thread stop([&] {
    std::this_thread::sleep_for(std::chrono::seconds(1));
    repo.Coppice("stop --now");
  });
  const Ran watch = repo.Coppice("watch");
  stop.join();
  CHECK(watch.exit == 0);
  CHECK(TinyRepo::Wait(pid) == 143);
  CHECK(Says(watch, "baseline"));
  CHECK(Says(watch, "new best"));
  CHECK(watch.out.find('\x1b') == std::string::npos);

  const Ran events = repo.Coppice("--output json watch");
  CHECK(events.exit == 0);
  int lines = 0;
  std::int64_t seq = 0;
  for (std::size_t at = 0; at < events.out.size(); ++lines) {
    const std::size_t end = events.out.find('\n', at);
    const json event = json::parse(events.out.substr(at, end - at));
    CHECK(event["seq"] > seq);
    seq = event["seq"];
    at = end + 1;
  }
  CHECK(lines > 3);
}

TEST_CASE("watch on a terminal draws the run and leaves on q") {
  TinyRepo repo;
  Prepare(repo, std::string("evaluation: sh measure.sh\n") +
                    "budget: {max_nodes: 3, plateau_nodes: null}\n");
  REQUIRE(repo.Coppice("run").exit == 0);
  const std::string binary = std::string(COPPICE_BINARY_DIR) + "/bin/coppice";
  std::map<std::string, std::string> env = repo.env();
  env["LC_ALL"] = "C.UTF-8";
  for (const char* kind : {"xterm-256color", "vt100"}) {
    CAPTURE(kind);
    env["TERM"] = kind;
    const Ran watch = testing::Shell(
        "(sleep 1; printf '\\tpq') | script -qec 'stty rows 30 cols 100; " +
            binary + " watch' /dev/null",
        repo.path(), env);
    CAPTURE(watch.out);
    CHECK(watch.exit == 0);
    CHECK(Says(watch, "tiny"));
    CHECK(Says(watch, "best path"));
    CHECK(Says(watch, "finished"));
  }
  env["TERM"] = "dumb";
  const Ran plain =
      testing::Shell("script -qec '" + binary + " watch' /dev/null </dev/null",
                     repo.path(), env);
  CHECK(plain.exit == 0);
  CHECK(Says(plain, "outcomes"));
}

}  // namespace coppice
