#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "app/example.h"
#include "app/model_world.h"
#include "support/fault_server.h"

// The example whose evaluation asks a model, whose judge is a model, and whose
// proposer is a model: one server imitates all three.

namespace coppice {
namespace {

using nlohmann::json;
using testing::FaultServer;
using testing::Peer;
using testing::Ran;
using testing::SeenRequest;

bool Has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// Anthropic's: a better prompt, whatever is asked.
std::string Proposal() {
  const std::string text =
      "IDEA: ask for plain words\n\nprompt.txt\n```\n"
      "Answer from the notes, plainly.\n```\n";
  const json delta = {{"type", "text_delta"}, {"text", text}};
  return testing::SseResponse(
      {json{{"type", "message_start"},
            {"message", {{"usage", {{"input_tokens", 25}}}}}}
           .dump(),
       json{{"type", "content_block_start"},
            {"index", 0},
            {"content_block", {{"type", "text"}, {"text", ""}}}}
           .dump(),
       json{{"type", "content_block_delta"}, {"index", 0}, {"delta", delta}}
           .dump(),
       json{{"type", "content_block_stop"}, {"index", 0}}.dump(),
       json{{"type", "message_delta"},
            {"delta", {{"stop_reason", "end_turn"}}},
            {"usage", {{"output_tokens", 10}}}}
           .dump(),
       json{{"type", "message_stop"}}.dump()});
}

// The anchors at their scores; plain answers are worth more than others.
std::string Scores(const json& request) {
  json scores = json::array();
  for (const json& message : request.at("messages")) {
    if (message.at("role") != "user") continue;
    for (const std::string& text :
         JudgedTexts(message.at("content").get<std::string>())) {
      const double score = Has(text, "ledger.rename")    ? 1
                           : Has(text, "Is there a GUI") ? 4.5
                           : Has(text, "In plain words") ? 4
                                                         : 2;
      scores.push_back({{"item", scores.size() + 1},
                        {"reason", "by the rubric"},
                        {"score", score}});
    }
  }
  return testing::SseResponse(ChatEvents(json{{"scores", scores}}.dump()));
}

std::string Answer(const json& request) {
  const bool plain = Has(request.at("messages")[0].at("content"), "plainly");
  const json message = {
      {"role", "assistant"},
      {"content", plain ? "In plain words: no." : "That may well be."}};
  return testing::Response(
      200, json{{"choices", {{{"index", 0}, {"message", message}}}}}.dump());
}

void Serve(Peer& peer) {
  while (true) {
    const SeenRequest request = peer.ReadRequest();
    if (request.target.starts_with("/proposer")) {
      peer.Send(Proposal());
    } else if (request.target.starts_with("/judge")) {
      peer.Send(Scores(json::parse(request.body)));
    } else {
      peer.Send(Answer(json::parse(request.body)));
    }
  }
}

}  // namespace

TEST_CASE("the prompt example checks out and improves, its models imitated") {
  const FaultServer server(Serve);
  Example example("prompt");
  example.env()["ANTHROPIC_API_KEY"] = "sk-test-proposer";
  example.env()["ANTHROPIC_BASE_URL"] = server.Url("/proposer");
  example.env()["OPENAI_API_KEY"] = "sk-test-judge";
  example.env()["OPENAI_BASE_URL"] = server.Url("/judge/v1");
  example.env()["PROMPT_URL"] = server.Url("/answerer/v1");
  const Ran check = example.Coppice("check");
  CAPTURE(check.out);
  CAPTURE(check.err);
  REQUIRE(check.exit == 0);
  CHECK(Has(check.out, "judge_score = 2"));
  CHECK(Has(check.out, "8 items a sample"));

  const Ran run = example.Coppice("run --max-nodes 1");
  CAPTURE(run.out);
  CAPTURE(run.err);
  CHECK(run.exit == 0);
  CHECK(Has(run.out, "judge_score 2 -> 4"));
  // What answers gets no key of those who propose and judge.
  for (const SeenRequest& request : server.requests()) {
    if (request.target.starts_with("/answerer"))
      CHECK_FALSE(Has(request.head, "sk-test"));
  }
}

TEST_CASE("the prompt example says who does not answer") {
  Example example("prompt");
  const Ran unset = example.In("unset PROMPT_URL; python3 -B evaluate.py");
  CHECK(unset.exit == 1);
  CHECK(Has(unset.err, "PROMPT_URL is not set"));
  example.env()["PROMPT_URL"] = "http://127.0.0.1:1/v1";
  const Ran run = example.In("python3 -B evaluate.py");
  CHECK(run.exit == 1);
  CHECK(Has(run.err, "PROMPT_URL names another server"));
}

}  // namespace coppice
