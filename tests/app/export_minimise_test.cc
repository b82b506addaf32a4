#include <doctest/doctest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "export_world.h"

// EXP-03: the diff that is exported is the part of it that matters.

namespace coppice {
namespace {

using testing::HunkRepo;
using testing::Ran;
using testing::ReadFile;
using testing::Says;
using testing::TinyRepo;

// Waits until `done`, at most two minutes.
template <class Done>
bool Eventually(Done done) {
  for (int i = 0; i < 2400; ++i) {
    if (done()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return false;
}

std::string Answers(HunkRepo& repo) {
  const auto file = repo.RunDir() / "export" / "ablations.jsonl";
  return std::filesystem::exists(file) ? ReadFile(file) : "";
}

int CountAnswers(HunkRepo& repo) {
  const std::string text = Answers(repo);
  return static_cast<int>(std::ranges::count(text, '\n'));
}

}  // namespace

TEST_CASE("AC-32 a patch of five hunks of which one matters exports one hunk") {
  HunkRepo repo;
  repo.Finish();
  REQUIRE(repo.Coppice("export --no-minimise --branch all").exit == 0);
  CHECK(repo.HunksOf("main all") == 5);
  CHECK(CountAnswers(repo) == 0);
  const Ran ran = repo.Coppice("export");
  CAPTURE(ran.err);
  REQUIRE(ran.exit == 0);
  CHECK(Says(ran, "1 of 5 hunks matters"));
  CHECK(repo.HunksOf("main optimize/tiny") == 1);
  CHECK(repo.Diff("--stat main optimize/tiny").find("app.txt | 2 +-") !=
        std::string::npos);
  // What an optimal order of ablations would take, twice: it needs two answers.
  CHECK(CountAnswers(repo) <= 4);
  CHECK(repo.Git("log -1 --format='%an <%ae>|%(trailers:key=Coppice-Metric)' "
                 "optimize/tiny")
            .out ==
        "A User <user@example.org>|Coppice-Metric: cost 100 -> 80 (-20.0%), "
        "n 1+1\n\n");
  // Asked once, known for good.
  const int answers = CountAnswers(repo);
  const Ran again = repo.Coppice("export --branch again");
  CHECK(again.exit == 0);
  CHECK(Says(again, "known before"));
  CHECK(CountAnswers(repo) == answers);
  CHECK(repo.Git("rev-parse again^{tree}").out ==
        repo.Git("rev-parse optimize/tiny^{tree}").out);
}

TEST_CASE("AC-32 noise does not decide which hunks matter") {
  HunkRepo repo;
  repo.Write("measure.sh",
             "n=$(sed -n 's/^cost //p' app.txt)\n"
             "r=$(od -An -N1 -tu1 /dev/urandom)\n"
             "echo \"cost: $((n * 10 + r % 5))\"\n");
  repo.Commit("noisy");
  repo.Finish();
  const Ran ran = repo.Coppice("export");
  CAPTURE(ran.err);
  REQUIRE(ran.exit == 0);
  CHECK(repo.HunksOf("main optimize/tiny") == 1);
  CHECK(Says(ran, "n 5+5, noise"));
}

TEST_CASE("a hunk that others need to pass their checks goes after them") {
  HunkRepo repo;
  // noise 95 uses noise 5; neither is measured.
  repo.Write("check.sh",
             "grep -q '^cost ' app.txt || exit 1\n"
             "! grep -q '^noise 95' app.txt || grep -q '^noise 5$' app.txt\n");
  repo.Commit("check");
  repo.Finish();
  REQUIRE(repo.Coppice("export").exit == 0);
  CHECK(repo.HunksOf("main optimize/tiny") == 1);
}

TEST_CASE("a gate keeps what the gain alone would not") {
  HunkRepo repo(
      "metric: {name: cost, direction: minimize, gates: [{name: tidy, "
      "check: '>= 0'}]}\n");
  repo.Write("measure.sh",
             "sed -n 's/^cost /cost: /p' app.txt\n"
             "if grep -q '^cost 100' app.txt || grep -q '^noise 25' app.txt; "
             "then echo 'tidy: 1'; else echo 'tidy: -1'; fi\n");
  std::string spec = repo.Read("coppice.yaml");
  const std::string plain = "metric: {name: cost, direction: minimize}\n";
  spec.erase(spec.find(plain), plain.size());
  repo.Write("coppice.yaml", spec);
  repo.Commit("gate");
  repo.Finish();
  const Ran ran = repo.Coppice("export");
  CAPTURE(ran.err);
  REQUIRE(ran.exit == 0);
  CHECK(repo.HunksOf("main optimize/tiny") == 2);
  CHECK(repo.Git("show optimize/tiny:app.txt").out.find("noise 25") !=
        std::string::npos);
}

TEST_CASE("an export that is killed leaves nothing but what it has learnt") {
  HunkRepo repo;
  repo.Write("measure.sh", "sed -n 's/^cost /cost: /p' app.txt; sleep 0.15\n");
  repo.Commit("slow");
  repo.Finish();
  const std::string before = repo.Fingerprint();
  const pid_t pid = repo.Start("export");
  REQUIRE(Eventually([&] { return CountAnswers(repo) >= 1; }));
  kill(pid, SIGKILL);
  TinyRepo::Wait(pid);
  CHECK(repo.Fingerprint() == before);
  CHECK(Eventually([&] { return repo.Leftovers() == 0; }));
  const int learnt = CountAnswers(repo);
  const Ran ran = repo.Coppice("export");
  CAPTURE(ran.err);
  CHECK(ran.exit == 0);
  CHECK(Says(ran, "known before"));
  CHECK(repo.HunksOf("main optimize/tiny") == 1);
  CHECK(CountAnswers(repo) <= 4);
  CHECK(CountAnswers(repo) > learnt);
}

TEST_CASE("an export that is interrupted says so and makes no branch") {
  HunkRepo repo;
  repo.Write("measure.sh", "sed -n 's/^cost /cost: /p' app.txt; sleep 0.15\n");
  repo.Commit("slow");
  repo.Finish();
  const std::string before = repo.Fingerprint();
  const pid_t pid = repo.Start("export");
  REQUIRE(Eventually([&] { return CountAnswers(repo) >= 1; }));
  kill(pid, SIGINT);
  CHECK(TinyRepo::Wait(pid) == 130);
  CHECK(repo.BackgroundOutput().find("the same command goes on") !=
        std::string::npos);
  CHECK(repo.Fingerprint() == before);
}

TEST_CASE("EXP-10 a running run is exported and only read, a killed one too") {
  HunkRepo repo("parallel: {evaluations: 1}\n");
  repo.Write("measure.sh", "sed -n 's/^cost /cost: /p' app.txt; sleep 0.2\n");
  std::string spec = repo.Read("coppice.yaml");
  spec.replace(spec.find("max_nodes: 2"), 12, "max_nodes: 500");
  repo.Write("coppice.yaml", spec);
  repo.Commit("long");
  const pid_t pid = repo.Start("run");
  const auto improved = [&] {
    return !repo.RunDir().empty() &&
           repo.Sql(
               "select count(*) from events where kind='evaluated' and "
               "body like '%improved%'") > "0";
  };
  REQUIRE(Eventually(improved));
  const Ran live = repo.Coppice("export --branch live");
  CAPTURE(live.err);
  CHECK(live.exit == 0);
  CHECK(repo.HunksOf("main live") == 1);
  CHECK(repo.Sql("select count(*) from events where kind='exported'") == "0");
  CHECK(kill(pid, 0) == 0);
  kill(pid, SIGKILL);
  TinyRepo::Wait(pid);
  CHECK(repo.Coppice("export --branch killed").exit == 0);
  CHECK(repo.HunksOf("main killed") == 1);
  CHECK(repo.Sql("select count(*) from events where kind='exported'") == "1");
}

}  // namespace coppice
