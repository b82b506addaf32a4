#include <doctest/doctest.h>
#include <fmt/format.h>

#include <atomic>
#include <nlohmann/json.hpp>

#include "app/model_world.h"
#include "support/fault_server.h"

// Whole runs that are measured by a judge: a server that reads what it is to
// score, and scores it honestly, or not.

namespace coppice {
namespace {

using nlohmann::json;
using testing::FaultServer;
using testing::Peer;
using testing::Ran;
using testing::Response;
using testing::SeenRequest;

// A judge to whom "cost 93" is worth 100 - 93 = 7 points out of 100.
class JudgeServer {
 public:
  std::string url() const { return server_.Url("/v1"); }
  int calls() const { return calls_; }
  std::vector<SeenRequest> requests() const { return server_.requests(); }

  std::atomic<double> off = 0;  // beside the truth, from call `off_from` on
  std::atomic<int> off_from = 0;

 private:
  std::string Answer(const std::string& body) {
    const int call = calls_++;
    const json request = json::parse(body);
    json scores = json::array();
    for (const json& message : request.at("messages")) {
      if (message.at("role") != "user") continue;
      for (const std::string& text :
           JudgedTexts(message.at("content").get<std::string>())) {
        const double truth = 100 - std::stod(text.substr(5));
        scores.push_back(
            {{"item", scores.size() + 1},
             {"reason", "as it says"},
             {"score", truth + (call >= off_from ? off.load() : 0.0)}});
      }
    }
    return testing::SseResponse(ChatEvents(json{{"scores", scores}}.dump()));
  }

  void Serve(Peer& peer) {
    while (true) peer.Send(Answer(peer.ReadRequest().body));
  }

  std::atomic<int> calls_ = 0;
  const FaultServer server_{[this](Peer& peer) { Serve(peer); }};
};

// Its evaluation writes three items, all worth what app.txt says.
class JudgedRepo : public ModelRepo {
 public:
  explicit JudgedRepo(const JudgeServer& server) {
    env()["OPENAI_API_KEY"] = "sk-test-1";
    env()["OPENAI_BASE_URL"] = server.url();
    Write("measure.sh",
          "text=$(cat app.txt)\n"
          "printf '[{\"id\":1,\"text\":\"%s\"},{\"id\":2,\"text\":\"%s\"},"
          "{\"id\":3,\"bucket\":\"x\",\"text\":\"%s\"}]' \"$text\" \"$text\" "
          "\"$text\" >out.json\n"
          "echo size: 3\n");
    Write("rubric.md", "The less it costs the better.\n");
  }

  // `judge` is put into the key, `extra` below it.
  void Judged(const std::string& judge, const std::string& extra = {},
              int nodes = 3) {
    Write("coppice.yaml",
          fmt::format(
              "name: tiny\n"
              "goal: make it cheaper\n"
              "scope: {{mutable: [app.txt]}}\n"
              "metric: {{name: judge_score, direction: maximize, "
              "range: [0, 100], gates: [{{name: size, check: \">= 3\"}}]}}\n"
              "evaluation: sh measure.sh\n"
              "judge:\n"
              "  model: openai/gpt-4.1-mini\n"
              "  rubric: '@rubric.md'\n"
              "  items: out.json\n"
              "  anchors: [{{id: low, text: cost 90, score: 10}},\n"
              "            {{id: high, text: cost 20, score: 80}}]\n"
              "{}"
              "proposers: [{{command: sh propose.sh}}]\n"
              "search: {{policy: linear}}\n"
              "budget: {{max_nodes: {}, plateau_nodes: null}}\n{}",
              judge, nodes, extra));
    Commit("spec");
  }
};

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
