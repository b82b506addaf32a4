#include <doctest/doctest.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "app/model_world.h"

// What models cost: prices, caps, what is counted where nobody knows a price.

namespace coppice {
namespace {

using nlohmann::json;
using testing::AiMock;
using testing::Ran;
using testing::SkippedWithoutAiMock;

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
  CHECK(repo.Status()["cost"]["spent"].get<double>() ==
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
  const json status = repo.Status();
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
  const json status = repo.Status();
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

}  // namespace coppice
