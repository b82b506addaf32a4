#include <doctest/doctest.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "app/judged_repo.h"

// Whole runs that are measured by a judge: a server that reads what it is to
// score, and scores it honestly, or not.

namespace coppice {
namespace {

using nlohmann::json;
using testing::Ran;
using testing::SeenRequest;

}  // namespace

TEST_CASE("a judge is the metric: gates first, its score on record") {
  const JudgeServer server;
  JudgedRepo repo(server);
  repo.Judged("  sample_size: 2\n");
  const Ran check = repo.Coppice("check");
  CAPTURE(check.err);
  CAPTURE(check.out);
  REQUIRE(check.exit == 0);
  CHECK(Says(check, "judge "));
  CHECK(Says(check, "2 items a sample"));
  CHECK(Says(check, "judge_score = 0"));
  const int for_baseline = server.calls();
  CHECK(for_baseline >= 5);

  const Ran run = repo.Coppice("--output plain run");
  CAPTURE(run.err);
  CAPTURE(run.out);
  CHECK(run.exit == 0);
  CHECK(repo.Count("select count(*) from events where kind = 'asked' and "
                   "body like '%gpt-4.1-mini%'") ==
        server.calls() - for_baseline + 1);
  CHECK(Says(repo.Coppice("show best"), "judge_score"));
  const json status = repo.Status();
  CHECK(status["cost"]["spent"].get<double>() > 0);
  // The rubric may not be changed, and is nobody's but the judge's.
  for (const SeenRequest& request : server.requests()) {
    CHECK(request.body.find("The less it costs") != std::string::npos);
    CHECK(request.body.find("make it cheaper") == std::string::npos);
  }
  CHECK(repo.FilesWith("judge.md").size() >= 2);
  // The final is judged once more by the item that the draw of two has left.
  CHECK(repo.Count("select count(*) from events where kind = 'sampled' and "
                   "body like '%judge_score_second_draw%'") == 4);
  CHECK(repo.Coppice("report").out.find("By other items") != std::string::npos);
}

TEST_CASE("MC-49 a judge that is not to be believed pauses the run") {
  JudgeServer server;
  JudgedRepo repo(server);
  repo.Judged("");
  REQUIRE(repo.Coppice("check").exit == 0);
  server.off = 15;
  server.off_from = server.calls();
  const Ran run = repo.Coppice("--output plain run");
  CAPTURE(run.err);
  CAPTURE(run.out);
  CHECK(run.exit == 5);
  CHECK(Says(run, "not to be believed: anchor"));
  // Three tries, each of a batch that is asked twice.
  CHECK(server.calls() - server.off_from == 6);
  CHECK(repo.Count("select count(*) from events where kind = 'evaluated'") ==
        1);
  server.off = 0;
  const Ran resumed = repo.Coppice("--output plain resume");
  CAPTURE(resumed.err);
  CHECK(resumed.exit == 0);
}

TEST_CASE("a judge whose anchors are off by little is flagged in status") {
  JudgeServer server;
  JudgedRepo repo(server);
  repo.Judged("", "", 1);
  server.off = 4;  // of 100; believed up to 10, flagged from 5 on
  REQUIRE(repo.Coppice("check").exit == 0);
  REQUIRE(repo.Coppice("--output plain run").exit == 0);
  CHECK_FALSE(Says(repo.Coppice("status"), "score is known"));
  server.off = 9;
  JudgedRepo further(server);
  further.Judged("", "", 1);
  REQUIRE(further.Coppice("check").exit == 0);
  REQUIRE(further.Coppice("--output plain run").exit == 0);
  CHECK(Says(further.Coppice("status"),
             "scores the texts whose score is known 9 too high on average, of "
             "0 to 100"));
}

TEST_CASE("MC-50 equal outputs are judged once") {
  const JudgeServer server;
  JudgedRepo repo(server);
  // Every change is another tree that puts out the same.
  repo.Write("propose.sh", "date +%N >>app.txt\n");
  repo.Write("measure.sh",
             "printf '[{\"id\":1,\"text\":\"%s\"}]' \"$(head -1 app.txt)\" "
             ">out.json\n"
             "echo size: 3\n");
  repo.Judged("", "", 3);
  REQUIRE(repo.Coppice("check").exit == 0);
  const Ran run = repo.Coppice("--output plain run");
  CAPTURE(run.err);
  CAPTURE(run.out);
  REQUIRE(repo.Count("select count(*) from events where kind = 'sampled' and "
                     "attempt > 0") == 3);
  // The process that runs has seen nothing yet when it judges the first one.
  CHECK(repo.Count("select count(*) from events where kind = 'asked' and "
                   "attempt > 0 and body like '%gpt-4.1-mini%'") == 1);
}

TEST_CASE("MC-52 at the judge's cap the run ends, and nothing is overspent") {
  const JudgeServer server;
  JudgedRepo repo(server);
  // 400 and 50 tokens a call; the worst case of a call is dearer.
  repo.Judged("  max_cost_usd: 0.012\n", "", 50);
  const Ran check = repo.Coppice("check");
  CAPTURE(check.err);
  REQUIRE(check.exit == 0);
  const Ran run = repo.Coppice("--output plain run");
  CAPTURE(run.err);
  CAPTURE(run.out);
  CHECK(Says(run, "judge.max_cost_usd"));
  const json status = repo.Status();
  CHECK(status["cost"]["spent"].get<double>() <= 0.012);
  CHECK(repo.Sql("select body from events where kind = 'stopped'")
            .find("judge.max_cost_usd") != std::string::npos);
}

TEST_CASE("what is wrong with a judge is said before anything is spent") {
  const JudgeServer server;
  struct Row {
    const char* judge;
    const char* says;
  };
  for (const Row& row : std::initializer_list<Row>{
           {"  primary: best\n", "judge.primary"},
           {"  strata: [{bucket: x, count: 1}, {bucket: x, count: 2}]\n",
            "twice"},
           {"  max_cost_usd: 0\n", "cap"},
           {"  strata: [{bucket: y, count: 1}]\n", "\"y\""}}) {
    CAPTURE(row.judge);
    JudgedRepo repo(server);
    repo.Judged(row.judge);
    const Ran check = repo.Coppice("check");
    CAPTURE(check.err);
    CHECK(check.exit == 2);
    CHECK(Says(check, row.says));
  }
  CHECK(server.calls() == 0);
}

}  // namespace coppice
