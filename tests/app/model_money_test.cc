#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "app/model_world.h"
#include "support/fault_server.h"

// What models cost, and what their answers are worth once they are on record:
// prices, caps, replays without a network.

namespace coppice {
namespace {

using nlohmann::json;
using testing::AiMock;
using testing::FaultServer;
using testing::Ran;
using testing::SkippedWithoutAiMock;

constexpr const char* kTrees =
    "select attempt, json_extract(body,'$.tree') from events where "
    "kind='committed' order by attempt";
constexpr const char* kCommits =
    "select attempt, json_extract(body,'$.commit') from events where "
    "kind='committed' order by attempt";

json StatusOf(ModelRepo& repo) {
  const Ran status = repo.Coppice("--output json status");
  REQUIRE_MESSAGE(json::accept(status.out), status.err);
  return json::parse(status.out);
}

// Ids of runs tell the second: another run of the same second might sort
// before this one.
void NextSecond(ModelRepo& repo) { testing::Shell("sleep 1.1", repo.path()); }

}  // namespace

TEST_CASE("PC-49 a dollar cap and an unpriced model do not go together") {
  if (SkippedWithoutAiMock()) return;
  const AiMock mock(Falling(90, 2));
  ModelRepo repo;
  repo.env()["OPENAI_API_KEY"] = "sk-test-1";
  repo.Spec(ModelArm("openai/unheard-of", mock.url() + "/v1"), 1);
  const Ran run = repo.Coppice("run");
  CAPTURE(run.err);
  CHECK(run.exit == 2);
  for (const char* word :
       {"openai/unheard-of", "price: {", "--prices", "max_cost_usd: null"}) {
    CAPTURE(word);
    CHECK(run.err.find(word) != std::string::npos);
  }
  CHECK(mock.Journal().empty());

  // A file in LiteLLM's form prices it.
  repo.Write("prices.json",
             R"({"sample_spec": {"input_cost_per_token": 0},
                 "openai/unheard-of": {"input_cost_per_token": "2e-06",
                   "output_cost_per_token": 1e-05}})");
  const Ran priced = repo.Coppice("--prices prices.json run");
  CAPTURE(priced.err);
  CHECK(priced.exit == 0);
  CHECK(StatusOf(repo)["cost"]["spent"].get<double>() ==
        doctest::Approx(400 * 2e-6 + 50 * 1e-5));
  CHECK(mock.Journal().size() == 1);
}

TEST_CASE("PC-50 without a cap an unpriced model's tokens are counted") {
  if (SkippedWithoutAiMock()) return;
  const AiMock mock(Falling(90, 3));
  ModelRepo repo;
  repo.env()["OPENAI_API_KEY"] = "sk-test-1";
  repo.Spec(ModelArm("openai/unheard-of", mock.url() + "/v1"), 2,
            "budget: {max_nodes: 2, plateau_nodes: null, max_cost_usd: "
            "null}\n");
  const Ran run = repo.Coppice("--output plain run");
  CAPTURE(run.err);
  CAPTURE(run.out);
  CHECK(run.exit == 0);
  const json status = StatusOf(repo);
  CAPTURE(status.dump());
  CHECK(status["tokens"]["input"] == 800);
  CHECK(status["tokens"]["output"] == 100);
  CHECK(status["cost"]["spent"].is_null());
  const std::string text = repo.Coppice("status").out;
  CAPTURE(text);
  CHECK(text.find("unknown") != std::string::npos);
  CHECK(text.find("$0") == std::string::npos);
}

TEST_CASE("AC-09 PC-52 parallel calls never pass the cap, at any record") {
  if (SkippedWithoutAiMock()) return;
  const AiMock mock(Falling(99, 60), {.latency_ms = 20, .chunk_size = 10});
  ModelRepo repo;
  repo.env()["OPENAI_API_KEY"] = "sk-test-1";
  repo.Spec(ModelArm("openai/gpt-5", mock.url() + "/v1",
                     "max_output_tokens: 150, price: {input: 5, output: 100}"),
            40,
            "parallel: {evaluations: 4, requests: 8}\n"
            "budget: {max_nodes: 40, plateau_nodes: null, max_cost_usd: "
            "0.10}\n");
  const Ran run = repo.Coppice("--output plain run");
  CAPTURE(run.err);
  CAPTURE(run.out);
  CHECK(run.exit == 0);
  const std::string reserve =
      "(select json_extract(a.body,'$.reserve_usd') from events a where "
      "a.kind='asked' and a.attempt=e.attempt and "
      "json_extract(a.body,'$.turn')=json_extract(e.body,'$.turn'))";
  const std::string at_once =
      "select max(n) from (select sum(case e.kind when 'asked' then 1 else -1 "
      "end) over (order by seq) n from events e where kind in "
      "('asked','answered'))";
  const std::string committed =
      "select max(s) from (select sum(case e.kind when 'asked' then "
      "json_extract(e.body,'$.reserve_usd') else json_extract(e.body,'$.usd') "
      "- " +
      reserve +
      " end) over (order by seq) s from events e where kind in "
      "('asked','answered'))";
  CHECK(repo.Count(at_once) >= 2);
  const double most = std::stod(repo.Sql(committed));
  CHECK(most <= 0.10 + 1e-9);
  CHECK(most > 0.05);
  const json status = StatusOf(repo);
  CAPTURE(status.dump());
  const double spent = status["cost"]["spent"];
  CHECK(spent <= 0.10);
  CHECK(spent > 0.05);
  CHECK(status["current_step"] < 40);
  CHECK(repo.Sql("select json_extract(body,'$.reason') from events where "
                 "kind='stopped'") == "max_cost_usd");
  CHECK(static_cast<int>(mock.Journal().size()) ==
        repo.Count("select count(*) from events where kind='asked'"));
}

TEST_CASE("AC-08 a finished run is made again from its journal, offline") {
  if (SkippedWithoutAiMock()) return;
  auto mock = std::make_unique<AiMock>(Falling(99, 8),
                                       AiMock::Options{.latency_ms = 10});
  ModelRepo repo;
  repo.env()["OPENAI_API_KEY"] = "sk-test-1";
  repo.Spec(ModelArm("openai/gpt-5", mock->url() + "/v1"), 8,
            "search: {policy: ucb}\nparallel: {evaluations: 2}\n");
  const Ran run = repo.Coppice("run");
  CAPTURE(run.err);
  CAPTURE(run.out);
  CHECK(run.exit == 0);
  const std::string id = repo.RunDir().filename();
  const std::string commits = repo.Sql(kCommits);
  CHECK(std::ranges::count(commits, '\n') >= 6);
  mock.reset();
  repo.env()["OPENAI_API_KEY"] = "";
  NextSecond(repo);
  const Ran again = repo.Coppice("run --replay " + id);
  CAPTURE(again.err);
  CAPTURE(again.out);
  CHECK(again.exit == run.exit);
  CHECK(repo.RunDir().filename() != id);
  CHECK(repo.Sql(kCommits) == commits);
}

TEST_CASE(
    "PC-55 PC-57 a recorded cassette plays without server and key, refusals "
    "and cut streams too") {
  const json delta = {{"content", WholeAnswer(90)}};
  const std::string half =
      json{{"choices", {{{"index", 0}, {"delta", delta}}}}}.dump();
  const std::string last = json{
      {"choices",
       {{{"index", 0}, {"delta", json::object()}, {"finish_reason", "stop"}}}},
      {"usage",
       {{"prompt_tokens", 400},
        {"completion_tokens",
         50}}}}.dump();
  const std::string limited = testing::Response(
      429, R"({"error":{"message":"slow down","code":"rate_limit_exceeded"}})",
      {{"Content-Type", "application/json"}, {"Retry-After", "0"}});
  auto refuse_then_cut = [&](testing::Peer& peer) {
    peer.ReadRequest();
    peer.Send(limited);
    peer.ReadRequest();
    peer.Send(testing::ChunkedHead() +
              testing::Chunk("data: " + half + "\n\n"));
    peer.Close();
  };
  auto server = std::make_unique<FaultServer>(std::vector<testing::Script>{
      refuse_then_cut,
      testing::Answering({testing::SseResponse({half, last, "[DONE]"})})});
  ModelRepo repo;
  repo.env()["OPENAI_API_KEY"] = "sk-test-1";
  repo.env()["OPENAI_BASE_URL"] = server->Url("/v1");
  repo.Spec(ModelArm("openai/gpt-5", ""), 1);
  const Ran run =
      repo.Coppice("--cassette tape.jsonl --cassette-mode record run");
  CAPTURE(run.err);
  CAPTURE(run.out);
  CHECK(run.exit == 0);
  const std::string stops =
      "select group_concat(json_extract(body,'$.stop')) from events where "
      "kind='answered'";
  CHECK(repo.Sql(stops) ==
        "failed: rate_limited,failed: truncated_stream,complete");
  CHECK(server->requests().size() == 3);
  const std::string trees = repo.Sql(kTrees);
  CHECK(std::ranges::count(trees, '\n') == 1);  // the base and one node
  const std::string id = repo.RunDir().filename();
  server.reset();
  repo.env()["OPENAI_API_KEY"] = "";
  NextSecond(repo);
  const Ran again =
      repo.Coppice("--cassette tape.jsonl --cassette-mode replay run");
  CAPTURE(again.err);
  CAPTURE(again.out);
  CHECK(again.exit == 0);
  CHECK(repo.RunDir().filename() != id);
  CHECK(repo.Sql(kTrees) == trees);
  CHECK(repo.Sql(stops) ==
        "failed: rate_limited,failed: truncated_stream,complete");
  CHECK_FALSE(Says(again, "never asked for"));
}

TEST_CASE("PC-56 a cassette that lacks an answer says which") {
  if (SkippedWithoutAiMock()) return;
  auto mock = std::make_unique<AiMock>(Falling(90, 2));
  ModelRepo repo;
  repo.env()["OPENAI_API_KEY"] = "sk-test-1";
  repo.env()["OPENAI_BASE_URL"] = mock->url() + "/v1";
  repo.Spec(ModelArm("openai/gpt-5", ""), 1);
  CHECK(repo.Coppice("--cassette tape.jsonl --cassette-mode record run").exit ==
        0);
  mock.reset();
  repo.env()["OPENAI_API_KEY"] = "";
  const Ran again = repo.Coppice(
      "--cassette tape.jsonl --cassette-mode replay run --max-nodes 2");
  CAPTURE(again.err);
  CHECK(again.exit == 1);
  CHECK(Says(again, "the cassette lacks"));
}

}  // namespace coppice
