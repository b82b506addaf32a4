#include <doctest/doctest.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "support/cli.h"

// Whole runs of the built program on a small real repository, with real
// processes that misbehave.

namespace coppice {
namespace {

using nlohmann::json;
using testing::Ran;
using testing::TinyRepo;
using testing::TinySpec;

bool Says(const Ran& ran, const std::string& text) {
  return ran.err.find(text) != std::string::npos ||
         ran.out.find(text) != std::string::npos;
}

std::string Outcomes(TinyRepo& repo) {
  return repo.Sql(
      "select json_extract(body,'$.outcome') from events where kind in "
      "('evaluated','rejected') and attempt>0 order by attempt, seq");
}

}  // namespace

TEST_CASE("AC-50 a whole search: check, run, views, branch") {
  TinyRepo repo;
  repo.Write("coppice.yaml",
             TinySpec("evaluation: sh measure.sh\nchecks: [sh check.sh]\n"
                      "budget: {max_nodes: 12, plateau_nodes: null}\n"));
  repo.Commit("spec");
  const std::string before = repo.Fingerprint();
  const Ran check = repo.Coppice("check");
  CAPTURE(check.err);
  CHECK(check.exit == 0);
  CHECK(Says(check, "baseline"));
  const Ran run = repo.Coppice("--output plain run");
  CAPTURE(run.err);
  CAPTURE(run.out);
  CHECK(run.exit == 0);
  CHECK(Says(run, "new best"));
  CHECK(before == repo.Fingerprint());

  for (const char* command :
       {"status", "tree", "tree --format dot", "tree --format graphml", "top",
        "top --plot", "top --format csv", "show best", "show best --why",
        "show base", "diff best", "diff best --against base --stat", "report",
        "report --format tsv", "report --format yaml", "report --format jsonl",
        "report --format leaderboard"}) {
    CAPTURE(command);
    const Ran view = repo.Coppice(command);
    CHECK(view.exit == 0);
    CHECK_FALSE(view.out.empty());
  }
  for (const char* command : {"status", "tree", "top", "show best"}) {
    CAPTURE(command);
    const Ran view = repo.Coppice(std::string("--output json ") + command);
    CHECK(view.exit == 0);
    CHECK(json::accept(view.out));
  }
  const std::string id = repo.RunDir().filename();
  CHECK(repo.Coppice("replay " + id).exit == 0);

  const Ran exported = repo.Coppice("export");
  CAPTURE(exported.err);
  CHECK(exported.exit == 0);
  CHECK(repo.Git("diff --stat main optimize/tiny").out.find("app.txt") !=
        std::string::npos);
  CHECK(repo.Git("log -1 --format=%an optimize/tiny").out == "A User\n");
  CHECK(repo.Read("app.txt") == "cost 100\n");
  CHECK(repo.Git("status --porcelain").out.empty());
  CHECK(repo.Git("fsck --strict").exit == 0);

  CHECK(repo.Coppice("apply").exit == 0);
  CHECK(repo.Read("app.txt") != "cost 100\n");
  CHECK(repo.Coppice("apply").exit != 0);  // the work tree is dirty now
  CHECK(repo.Leftovers() == 0);
}

TEST_CASE(
    "AC-03 AC-19 hostile candidates harm only themselves and stay "
    "visible") {
  TinyRepo repo;
  repo.Write("measure.sh", "exec sh ./app.txt\n");
  repo.Write("app.txt", "echo cost: 100\n");
  const std::vector<std::string> texts = {
      "kill -SEGV $$",
      "head -c 2000000000 /dev/zero | tr '\\0' x; echo; echo cost: 99",
      "setsid sleep 1000 & echo cost: 98",
      "trap '' TERM; sleep 1000",
      "exec /usr/bin/python3 -S -c 'x=bytearray(600*2**20); print(len(x))'",
      "echo cost: 97"};
  // One command proposer a candidate, each drafting once.
  std::string proposers = "proposers:\n";
  for (std::size_t i = 0; i < texts.size(); ++i) {
    repo.Write(fmt::format("p{}.sh", i),
               "cat >app.txt <<'X'\n" + texts[i] + "\nX\n");
    proposers += fmt::format("  - {{command: sh p{}.sh}}\n", i);
  }
  repo.Write("coppice.yaml",
             TinySpec("evaluation: {command: exec sh measure.sh,"
                      " timeout_seconds: 3, limits: {memory_mb: 200,"
                      " output_mb: 8}}\n"
                      "search: {policy: best_of_n}\n"
                      "parallel: {evaluations: 2}\n"
                      "budget: {max_nodes: 6, plateau_nodes: null}\n",
                      proposers));
  repo.Commit("spec");
  const Ran run = repo.Coppice("--output plain run");
  CAPTURE(run.err);
  CAPTURE(run.out);
  CHECK(run.exit == 0);
  const std::string outcomes = Outcomes(repo);
  CAPTURE(outcomes);
  auto has = [&](const char* query) { return repo.Sql(query) != "0"; };
  CHECK(
      has("select count(*) from events where kind='evaluated' and "
          "body like '%SIGSEGV%' and body like '%\"buggy\"%'"));
  CHECK(
      has("select count(*) from events where kind='evaluated' and "
          "body like '%\"timeout\"%'"));
  CHECK(
      has("select count(*) from events where kind='evaluated' and "
          "body like '%\"oom\"%'"));
  CHECK(
      has("select count(*) from events where kind='evaluated' and "
          "body like '%leaked%'"));
  CHECK(
      has("select count(*) from events where kind='evaluated' and "
          "body like '%output limit%'"));
  CHECK(repo.Leftovers() == 0);
  // The flood's log is bounded.
  std::uintmax_t bytes = 0;
  for (const auto& f :
       std::filesystem::recursive_directory_iterator(repo.RunDir())) {
    if (f.is_regular_file()) bytes += f.file_size();
  }
  CHECK(bytes < 64u << 20);
  // AC-19: every failed attempt can be shown, diffed and exported.
  const std::string failed = repo.Sql(
      "select attempt from events where kind='evaluated' and body like "
      "'%SIGSEGV%' limit 1");
  CHECK(repo.Coppice("show " + failed).out.find("SIGSEGV") !=
        std::string::npos);
  CHECK(repo.Coppice("diff " + failed).out.find("kill -SEGV") !=
        std::string::npos);
  CHECK(repo.Coppice("export --node " + failed + " --patch out.patch").exit ==
        0);
  CHECK(repo.Read("out.patch").find("kill -SEGV") != std::string::npos);
}

TEST_CASE("AC-06 a candidate cannot change what measures it") {
  TinyRepo repo;
  repo.Write("bench/measure.sh", "sh ./app.txt\n");
  repo.Write("app.txt", "echo cost: 100\n");
  repo.Write("p0.sh", "echo 'echo cost: 1' >bench/measure.sh\n");
  repo.Write("p1.sh", "echo 'echo cost: 1' >bench/extra.sh\n");
  repo.Write("p2.sh",
             "echo 'echo cost: 2 >bench/measure.sh; "
             "echo cost: 3' >app.txt\n");
  repo.Write("p3.sh", "echo 'echo cost: 90' >app.txt\n");
  repo.Write("coppice.yaml",
             "name: tiny\ngoal: g\n"
             "scope: {mutable: [app.txt], immutable: [bench/]}\n"
             "metric: {name: cost, direction: minimize}\n"
             "evaluation: sh bench/measure.sh\n"
             "search: {policy: best_of_n}\n"
             "budget: {max_nodes: 4, plateau_nodes: null}\n"
             "proposers: [{command: sh p0.sh}, {command: sh p1.sh},"
             " {command: sh p2.sh}, {command: sh p3.sh}]\n");
  repo.Commit("spec");
  const Ran run = repo.Coppice("--output plain run");
  CAPTURE(run.err);
  CHECK(run.exit == 0);
  CHECK(Outcomes(repo) ==
        "scope_violation\nscope_violation\ntampered\nimproved");
  CHECK(repo.Read("bench/measure.sh") == "sh ./app.txt\n");
}

TEST_CASE("AC-22 the result file counts, whatever the candidate prints") {
  TinyRepo repo;
  repo.Write("measure.sh",
             "n=$(sh ./app.txt | head -n 1)\n"
             "echo \"{\\\"cost\\\": $n}\" >\"$COPPICE_RESULT\"\n"
             "sh ./app.txt | tail -n +2\n");
  repo.Write("app.txt", "echo 100\n");
  repo.Write("propose.sh", "printf 'echo 80\\necho cost: 1\\n' >app.txt\n");
  repo.Write("coppice.yaml",
             TinySpec("evaluation: sh measure.sh\n"
                      "budget: {max_nodes: 1, plateau_nodes: null}\n"));
  repo.Commit("spec");
  const Ran run = repo.Coppice("run");
  CAPTURE(run.err);
  CHECK(run.exit == 0);
  CHECK(repo.Sql("select json_extract(body,'$.value') from events where "
                 "kind='evaluated' and attempt=1") == "80.0");
}

TEST_CASE("AC-25 endless candidates do not stop two slots") {
  TinyRepo repo;
  repo.Write("measure.sh", "sh ./app.txt\n");
  repo.Write("app.txt", "echo cost: 1000 # 0\n");
  // Every tenth candidate spins, forks and holds the pipe.
  repo.Write("propose.sh",
             "n=$(od -An -N2 -tu2 /dev/urandom | tr -d ' ')\n"
             "if [ $((n % 10)) = 0 ]; then\n"
             "echo \"sleep 1000 & (while :; do :; done) & "
             "while :; do :; done # $n\" >app.txt\n"
             "else echo \"echo cost: $((n % 900)) # $n\" >app.txt; fi\n");
  repo.Write("coppice.yaml",
             TinySpec("evaluation: {command: sh measure.sh,"
                      " timeout_seconds: 2}\n"
                      "parallel: {evaluations: 2}\n"
                      "search: {policy: best_of_n}\n"
                      "budget: {max_nodes: 60, plateau_nodes: null}\n"));
  repo.Commit("spec");
  const Ran run = repo.Coppice("run");
  CAPTURE(run.err);
  CHECK(repo.Sql("select count(*) from events where attempt>0 and kind in "
                 "('evaluated','rejected')") == "60");
  CHECK(repo.Sql("select max(cast(json_extract(body,'$.ms') as real)) < 6000 "
                 "from events where kind='sampled'") == "1");
  CHECK(repo.Leftovers() == 0);
}

TEST_CASE("AC-10 identical failures pause with exit 5 and name themselves") {
  TinyRepo repo;
  repo.Write("propose.sh", "echo \"broken $COPPICE_SEED\" >app.txt\n");
  repo.Write("measure.sh",
             "sed -n 's/^cost /cost: /p' app.txt | grep . || "
             "{ echo 'error: no cost in the file'; exit 3; }\n");
  repo.Write("coppice.yaml",
             TinySpec("evaluation: sh measure.sh\n"
                      "parallel: {evaluations: 1}\n"
                      "budget: {max_nodes: 20, plateau_nodes: null}\n"));
  repo.Commit("spec");
  const Ran run = repo.Coppice("run");
  CHECK(run.exit == 5);
  CHECK(Says(run, "no cost in the file"));
  CHECK(repo.Sql("select count(*) from events where kind='evaluated' and "
                 "attempt>0") == "8");
  const Ran status = repo.Coppice("status");
  CHECK(Says(status, "paused"));
}

TEST_CASE("AC-47 step keeps, discards and crashes with its exit codes") {
  TinyRepo repo;
  repo.Write("coppice.yaml", TinySpec("evaluation: sh measure.sh\n"));
  repo.Commit("spec");
  auto patch = [&](const std::string& to) {
    repo.Write("p.patch",
               "--- a/app.txt\n+++ b/app.txt\n@@ -1 +1 @@\n"
               "-cost 100\n+" +
                   to + "\n");
    return repo.Coppice("--output json step --parent base --patch p.patch");
  };
  const std::pair<const char*, int> steps[] = {
      {"cost 90", 0}, {"cost 95", 3}, {"nothing", 1}};
  const char* statuses[] = {"keep", "discard", "crash"};
  for (int i = 0; i < 3; ++i) {
    const Ran ran = patch(steps[i].first);
    CAPTURE(ran.err);
    CHECK(ran.exit == steps[i].second);
    const auto record = nlohmann::ordered_json::parse(ran.out);
    std::vector<std::string> keys;
    for (const auto& [key, value] : record.items()) keys.push_back(key);
    REQUIRE(keys.size() >= 5);
    CHECK(keys[0] == "task_id");
    CHECK(keys[1] == "status");
    CHECK(keys[2] == "reason");
    CHECK(keys[3] == "candidate_score");
    CHECK(keys[4] == "diff_summary");
    CHECK(record["status"] == statuses[i]);
  }
  const std::string lines = testing::ReadFile(repo.RunDir() / "results.jsonl");
  CHECK(std::count(lines.begin(), lines.end(), '\n') == 4);
}

TEST_CASE("AC-48 a deferred node is evaluated by approve, without a call") {
  TinyRepo repo;
  repo.Write("propose.sh",
             "echo NEEDS: libfoo\necho IDEA: use libfoo\n"
             "echo 'cost 10' >app.txt\n");
  repo.Write("coppice.yaml",
             TinySpec("evaluation: sh measure.sh\n"
                      "budget: {max_nodes: 1, plateau_nodes: null}\n"));
  repo.Commit("spec");
  const Ran run = repo.Coppice("run");
  CHECK(run.exit == 3);
  CHECK(Outcomes(repo) == "deferred");
  CHECK(Says(run, "libfoo"));
  const Ran approved = repo.Coppice("approve libfoo");
  CAPTURE(approved.err);
  CHECK(approved.exit == 0);
  CHECK(Outcomes(repo) == "deferred\nimproved");
  CHECK(repo.Sql("select count(*) from events where kind='answered'") == "1");
}

}  // namespace coppice
