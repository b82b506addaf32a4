#include <doctest/doctest.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "app/model_world.h"
#include "support/fault_server.h"

// Whole runs of the built program whose proposers are model servers: what
// comes of the run, and what the server saw of it.

namespace coppice {
namespace {

using nlohmann::json;
using testing::AiMock;
using testing::FaultServer;
using testing::Peer;
using testing::Ran;
using testing::SkippedWithoutAiMock;

struct Dialect {
  const char* model;
  const char* key;     // variable; "" for none
  const char* url;     // variable; "" for base_url in the spec
  const char* path;    // of the base URL
  const char* route;   // what the server must have seen
  bool priced = true;  // by the table of models
};

constexpr Dialect kDialects[] = {
    {"openai/gpt-5", "OPENAI_API_KEY", "OPENAI_BASE_URL", "/v1",
     "/v1/chat/completions"},
    {"anthropic/claude-sonnet-4-5", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL",
     "", "/v1/messages"},
    {"gemini/gemini-2.5-pro", "GEMINI_API_KEY", "GOOGLE_GEMINI_BASE_URL", "",
     ":streamGenerateContent"},
    {"openrouter/z-ai/glm", "OPENROUTER_API_KEY", "", "/api/v1",
     "/api/v1/chat/completions", false},
    {"local/qwen", "", "OLLAMA_HOST", "", "/v1/chat/completions", false},
};

}  // namespace

TEST_CASE("the minimal spec improves through every dialect") {
  if (SkippedWithoutAiMock()) return;
  for (const Dialect& dialect : kDialects) {
    CAPTURE(dialect.model);
    const AiMock mock(Falling(90, 3));
    ModelRepo repo;
    if (*dialect.key) repo.env()[dialect.key] = "sk-test-1";
    const std::string url = mock.url() + dialect.path;
    if (*dialect.url) repo.env()[dialect.url] = url;
    repo.Spec(ModelArm(dialect.model, *dialect.url ? "" : url,
                       dialect.priced ? "" : "price: {input: 1, output: 10}"),
              2);
    const Ran run = repo.Coppice("--output plain run");
    CAPTURE(run.err);
    CAPTURE(run.out);
    CHECK(run.exit == 0);
    CHECK(Says(run, "new best"));

    const Ran status = repo.Coppice("--output json status");
    REQUIRE(json::accept(status.out));
    const json now = json::parse(status.out);
    CAPTURE(status.out);
    CHECK(now["best_metric"] == 89);
    CHECK(now["tokens"]["input"].get<int>() == 800);
    CHECK(now["tokens"]["output"].get<int>() == 100);
    CHECK(now["cost"]["spent"].get<double>() > 0);
    CHECK(now["cost"]["reserved"] == 0);

    const Ran prompt = repo.Coppice("show 1 --prompt");
    CHECK(prompt.out.find("cost 100") != std::string::npos);
    const Ran answer = repo.Coppice("show 1 --answer");
    CHECK(answer.out.find("IDEA: make it ") != std::string::npos);

    const auto seen = mock.Journal();
    int asked = 0;
    for (const AiMock::Seen& request : seen) {
      CAPTURE(request.path);
      if (request.method != "POST") continue;
      ++asked;
      CHECK(request.path.find(dialect.route) != std::string::npos);
      CHECK(request.status == 200);
      CHECK(request.body.find("cost 100") != std::string::npos);
      CHECK(request.body.find("lower the cost") != std::string::npos);
    }
    CHECK(asked == 2);
  }
}

// aimock's Ollama route behind the port and the version that tell an Ollama.
TEST_CASE("an Ollama at its port is asked in its own dialect") {
  if (SkippedWithoutAiMock()) return;
  const AiMock mock(Falling(90, 2));
  auto relay = [&mock](Peer& peer) {
    while (true) {
      const testing::SeenRequest request = peer.ReadRequest();
      if (request.target == "/api/version") {
        peer.Send(testing::Response(200, R"({"version":"0.9.0"})"));
        continue;
      }
      const testing::PlainReply reply = testing::PlainHttp(
          mock.port(), request.method, request.target, request.body);
      peer.Send(testing::Response(
          reply.status, reply.body,
          {{"Content-Type", reply.headers.at("content-type")}}));
    }
  };
  std::optional<FaultServer> ollama;
  try {
    ollama.emplace(std::vector<testing::Script>{relay},
                   FaultServer::Options{.port = 11434});
  } catch (const std::exception& e) {
    MESSAGE("SKIPPED: port 11434 is taken: ", e.what());
    return;
  }
  ModelRepo repo;
  repo.Spec(ModelArm("local/qwen", "", "price: {input: 0, output: 0}"), 1);
  const Ran run = repo.Coppice("run");
  CAPTURE(run.err);
  CAPTURE(run.out);
  CHECK(run.exit == 0);
  CHECK(repo.Count("select json_extract(body,'$.usage.input') from events "
                   "where kind='answered'") > 0);
  const auto seen = mock.Journal();
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].path == "/api/chat");
  CHECK(seen[0].body.find("cost 100") != std::string::npos);
}

TEST_CASE("AC-46 no key and no proposer names both ways out") {
  ModelRepo repo;
  repo.Spec("", 1);
  const Ran run = repo.Coppice("run");
  CAPTURE(run.err);
  CHECK(run.exit == 2);
  for (const char* word :
       {"ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY",
        "OPENROUTER_API_KEY", "proposers: [{edits: {}}]"}) {
    CAPTURE(word);
    CHECK(run.err.find(word) != std::string::npos);
  }
  CHECK(repo.RunDir().empty());
}

TEST_CASE("AC-46 the default model of the key that is set is named first") {
  if (SkippedWithoutAiMock()) return;
  const AiMock mock(Falling(90, 2));
  ModelRepo repo;
  repo.env()["OPENAI_API_KEY"] = "sk-test-1";
  repo.env()["OPENAI_BASE_URL"] = mock.url() + "/v1";
  repo.Spec("", 1);
  const Ran run = repo.Coppice("run");
  CAPTURE(run.err);
  CHECK(run.exit == 0);
  const std::string first = run.err.substr(0, run.err.find('\n'));
  CHECK(first.find("openai/") != std::string::npos);
  CHECK(first.find("OPENAI_API_KEY") != std::string::npos);
  const auto seen = mock.Journal();
  REQUIRE(seen.size() == 1);
  const std::string model = json::parse(seen[0].body)["model"];
  CHECK(first.find("openai/" + model) != std::string::npos);
}

TEST_CASE("AC-24 a wrong block is asked for again and then applied") {
  if (SkippedWithoutAiMock()) return;
  const AiMock mock(Fixtures({BlockAnswer(999, 1), BlockAnswer(100, 50)}));
  ModelRepo repo;
  repo.env()["OPENAI_API_KEY"] = "sk-test-1";
  repo.Spec(ModelArm("openai/gpt-5", mock.url() + "/v1"), 1);
  const Ran run = repo.Coppice("run");
  CAPTURE(run.err);
  CAPTURE(run.out);
  CHECK(run.exit == 0);
  CHECK(repo.Sql("select json_extract(body,'$.turn'), "
                 "json_extract(body,'$.stop') from events where "
                 "kind='answered' order by seq") == "0|complete\n1|complete");
  CHECK(repo.Count("select count(*) from events where kind='committed' and "
                   "attempt=1") == 1);
  CHECK(repo.Coppice("diff 1").out.find("+cost 50") != std::string::npos);
  const auto seen = mock.Journal();
  REQUIRE(seen.size() == 2);
  CHECK(seen[0].body.find("not_found") == std::string::npos);
  CHECK(seen[1].body.find("not_found") != std::string::npos);
  CHECK(seen[1].body.find("cost 999") != std::string::npos);
  // The commit names the question that was answered (SPEC §4).
  const std::string message = repo.Sql(
      "select json_extract(body,'$.message') from events where "
      "kind='committed' and attempt=1");
  CAPTURE(message);
  CHECK(message.find("\nCoppice-Prompt: sha256:") != std::string::npos);
  const Ran verified = repo.Coppice("replay '' --verify");
  CAPTURE(verified.out);
  CHECK(verified.exit == 0);
}

TEST_CASE("AC-34 the user's ideas are tried next, once each") {
  if (SkippedWithoutAiMock()) return;
  const AiMock mock(Falling(90, 5));
  ModelRepo repo;
  repo.env()["OPENAI_API_KEY"] = "sk-test-1";
  repo.Write("ideas.md", "# mine\n- use the sieve of Euler\n");
  repo.Spec(ModelArm("openai/gpt-5", mock.url() + "/v1"), 2,
            "search: {policy: best_of_n, hypotheses: ideas.md}\n"
            "parallel: {evaluations: 1, requests: 1}\n");
  const Ran run = repo.Coppice("run");
  CAPTURE(run.err);
  CAPTURE(run.out);
  REQUIRE(run.exit == 0);
  REQUIRE(repo.Coppice("tell --idea 'hoist the mask'").exit == 0);
  const Ran more = repo.Coppice("resume --max-nodes 4");
  CAPTURE(more.err);
  CHECK(more.exit == 0);
  CHECK(repo.Sql("select json_extract(body,'$.idea') from events where "
                 "kind='selected' order by attempt") ==
        "use the sieve of Euler\n\nhoist the mask");
  const auto seen = mock.Journal();
  REQUIRE(seen.size() == 4);
  auto count = [&](const std::string& idea) {
    std::string where;
    for (const AiMock::Seen& request : seen) {
      where += request.body.find(idea) != std::string::npos ? 'x' : '.';
    }
    return std::ranges::count(where, 'x');
  };
  CHECK(count("use the sieve of Euler") == 1);
  CHECK(count("hoist the mask") == 1);
  CHECK(repo.Sql("select group_concat(json_extract(json_extract(body,"
                 "'$.directive'),'$.source')) from events where kind='told'") ==
        "ideas.md,tell");
}

TEST_CASE("AC-48 what needs a dependency waits for the user's word") {
  if (SkippedWithoutAiMock()) return;
  const AiMock mock(
      Fixtures({"IDEA: link it\nNEEDS: libfoo\n\napp.txt\n```\ncost 70\n```\n",
                WholeAnswer(95)}));
  ModelRepo repo;
  repo.env()["OPENAI_API_KEY"] = "sk-test-1";
  repo.Spec(ModelArm("openai/gpt-5", mock.url() + "/v1"), 2,
            "parallel: {evaluations: 1, requests: 1}\n");
  const Ran run = repo.Coppice("run");
  CAPTURE(run.err);
  CAPTURE(run.out);
  CHECK(run.exit == 0);
  CHECK(Says(run, "coppice approve libfoo"));
  const std::string outcome =
      "select json_extract(body,'$.outcome') from events where "
      "kind='evaluated' and attempt=1 order by seq desc limit 1";
  CHECK(repo.Sql(outcome) == "deferred");
  CHECK(mock.Journal().size() == 2);
  const Ran approved = repo.Coppice("approve libfoo");
  CAPTURE(approved.err);
  CAPTURE(approved.out);
  CHECK(approved.exit == 0);
  CHECK(repo.Sql(outcome) == "improved");
  CHECK(mock.Journal().size() == 2);
}

TEST_CASE("a search from flags alone changes the file") {
  if (SkippedWithoutAiMock()) return;
  const AiMock mock(Falling(90, 4));
  ModelRepo repo;
  repo.env()["OPENAI_API_KEY"] = "sk-test-1";
  repo.env()["OPENAI_BASE_URL"] = mock.url() + "/v1";
  const std::string flags =
      "run -s app.txt -c 'sh measure.sh' -m cost -g minimize -n 3 "
      "-M openai/gpt-5 --apply-change";
  const Ran refused = repo.Coppice(flags + " --api-key sk-on-the-line");
  CHECK(refused.exit == 2);
  CHECK(refused.err.find("OPENAI_API_KEY") != std::string::npos);
  CHECK_FALSE(Says(refused, "sk-on-the-line"));
  CHECK(mock.Journal().empty());

  const Ran run = repo.Coppice(flags);
  CAPTURE(run.err);
  CAPTURE(run.out);
  CHECK(run.exit == 0);
  CHECK(repo.Read("app.txt") == "cost 88\n");
  const auto seen = mock.Journal();
  REQUIRE(seen.size() == 3);
  CHECK(json::parse(seen[0].body)["model"] == "gpt-5");
}

}  // namespace coppice
