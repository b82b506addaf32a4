#include "support/aimock.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

// The mock itself, asked without any code of coppice: what the tests of the
// providers stand on.

namespace coppice::testing {
namespace {

using Json = nlohmann::json;

constexpr char kHello[] =
    R"({"fixtures":[{"match":{"userMessage":"cut"},"response":)"
    R"({"content":"half","finishReason":"length"}},{"match":{},"response":)"
    R"({"content":"IDEA: unroll","usage":{"prompt_tokens":11,)"
    R"("completion_tokens":7,"input_tokens":11,"output_tokens":7,)"
    R"("promptTokenCount":11,"candidatesTokenCount":7}}}]})";

// The JSON objects of a stream's data lines.
std::vector<Json> Events(const std::string& stream) {
  std::vector<Json> events;
  for (std::size_t at = 0; (at = stream.find("data: {", at)) != stream.npos;) {
    at += 6;
    events.push_back(
        Json::parse(stream.substr(at, stream.find('\n', at) - at)));
  }
  return events;
}

TEST_CASE("the mock speaks chat completions, whole and streamed") {
  if (SkippedWithoutAiMock()) return;
  const AiMock mock(kHello);
  const std::string body =
      R"({"model":"m","messages":[{"role":"user","content":"go"}])";
  PlainReply reply =
      PlainHttp(mock.port(), "POST", "/v1/chat/completions", body + "}");
  REQUIRE(reply.status == 200);
  Json json = Json::parse(reply.body);
  CHECK(json["choices"][0]["message"]["content"] == "IDEA: unroll");
  CHECK(json["choices"][0]["finish_reason"] == "stop");
  CHECK(json["usage"]["prompt_tokens"] == 11);
  CHECK(json["usage"]["completion_tokens"] == 7);

  reply = PlainHttp(mock.port(), "POST", "/v1/chat/completions",
                    body + R"(,"stream":true,"stream_options":)"
                           R"({"include_usage":true}})");
  CHECK(reply.headers["content-type"] == "text/event-stream");
  CHECK(reply.body.ends_with("data: [DONE]\n\n"));
  std::string text;
  for (const Json& event : Events(reply.body)) {
    if (event["choices"].empty()) {
      CHECK(event["usage"]["completion_tokens"] == 7);
    } else {
      text += event["choices"][0]["delta"].value("content", "");
    }
  }
  CHECK(text == "IDEA: unroll");
}

TEST_CASE("the mock speaks messages, with every event of their stream") {
  if (SkippedWithoutAiMock()) return;
  const AiMock mock(kHello);
  const std::string body =
      R"({"model":"m","max_tokens":9,"messages":[{"role":"user",)"
      R"("content":"go"}])";
  PlainReply reply = PlainHttp(mock.port(), "POST", "/v1/messages", body + "}");
  REQUIRE(reply.status == 200);
  Json json = Json::parse(reply.body);
  CHECK(json["content"][0]["text"] == "IDEA: unroll");
  CHECK(json["stop_reason"] == "end_turn");
  CHECK(json["usage"]["input_tokens"] == 11);
  CHECK(json["usage"]["output_tokens"] == 7);

  reply = PlainHttp(mock.port(), "POST", "/v1/messages",
                    body + R"(,"stream":true})");
  std::string text;
  std::string kinds;
  for (const Json& event : Events(reply.body)) {
    const std::string type = event["type"];
    if (type == "content_block_delta") text += event["delta"]["text"];
    if (kinds.find(type) == kinds.npos) kinds += type + " ";
  }
  CHECK(text == "IDEA: unroll");
  CHECK(kinds ==
        "message_start content_block_start content_block_delta "
        "content_block_stop message_delta message_stop ");
}

TEST_CASE("the mock speaks generateContent, responses and Ollama's chat") {
  if (SkippedWithoutAiMock()) return;
  const AiMock mock(kHello);
  PlainReply reply =
      PlainHttp(mock.port(), "POST", "/v1beta/models/m:generateContent",
                R"({"contents":[{"role":"user","parts":[{"text":"go"}]}]})");
  REQUIRE(reply.status == 200);
  Json json = Json::parse(reply.body);
  CHECK(json["candidates"][0]["content"]["parts"][0]["text"] == "IDEA: unroll");
  CHECK(json["candidates"][0]["finishReason"] == "STOP");
  CHECK(json["usageMetadata"]["promptTokenCount"] == 11);

  reply = PlainHttp(mock.port(), "POST", "/v1/responses",
                    R"({"model":"m","input":"go"})");
  REQUIRE(reply.status == 200);
  json = Json::parse(reply.body);
  CHECK(json["status"] == "completed");
  CHECK(json["output"][0]["content"][0]["text"] == "IDEA: unroll");
  CHECK(json["usage"]["output_tokens"] == 7);

  reply = PlainHttp(mock.port(), "POST", "/api/chat",
                    R"({"model":"m","stream":false,"messages":)"
                    R"([{"role":"user","content":"go"}]})");
  REQUIRE(reply.status == 200);
  json = Json::parse(reply.body);
  CHECK(json["message"]["content"] == "IDEA: unroll");
  CHECK(json["done"] == true);
}

TEST_CASE("the mock cuts answers, fails on request, and checks keys") {
  if (SkippedWithoutAiMock()) return;
  AiMock mock(kHello, {.api_keys = "sk-right"});
  auto ask = [&](const std::string& text, const std::string& key) {
    return PlainHttp(mock.port(), "POST", "/v1/chat/completions",
                     R"({"model":"m","messages":[{"role":"user","content":")" +
                         text + "\"}]}",
                     {{"Authorization", "Bearer " + key}});
  };
  CHECK(
      Json::parse(ask("cut", "sk-right").body)["choices"][0]["finish_reason"] ==
      "length");
  CHECK(ask("go", "sk-wrong").status == 401);
  mock.FailNext(429, R"({"message":"slow down","code":"rate_limit_exceeded"})");
  const PlainReply limited = ask("go", "sk-right");
  CHECK(limited.status == 429);
  CHECK(Json::parse(limited.body)["error"]["code"] == "rate_limit_exceeded");
  CHECK(ask("go", "sk-right").status == 200);
}

TEST_CASE("the mock's journal tells requests in order, keys left out") {
  if (SkippedWithoutAiMock()) return;
  AiMock mock(R"({"fixtures":[]})");
  mock.Add(kHello);
  PlainHttp(mock.port(), "POST", "/v1/messages",
            R"({"model":"one","max_tokens":9,"messages":[{"role":"user",)"
            R"("content":"go"}]})",
            {{"x-api-key", "sk-canary"}});
  PlainHttp(mock.port(), "POST", "/v1/chat/completions",
            R"({"model":"two","messages":[{"role":"user","content":"go"}]})");
  const std::vector<AiMock::Seen> seen = mock.Journal();
  REQUIRE(seen.size() == 2);
  CHECK(seen[0].method == "POST");
  CHECK(seen[0].path == "/v1/messages");
  CHECK(seen[0].headers.at("x-api-key") == "[REDACTED]");
  CHECK(seen[0].status == 200);
  CHECK(Json::parse(seen[0].body)["model"] == "one");
  CHECK(Json::parse(seen[1].body)["model"] == "two");
  CHECK(seen[1].at_ms >= seen[0].at_ms);
  mock.Chaos(R"({"dropRate":1})");
  CHECK(PlainHttp(mock.port(), "POST", "/v1/messages", R"({"model":"m"})")
            .status == 500);
  mock.Reset();
  CHECK(mock.Journal().empty());
}

}  // namespace
}  // namespace coppice::testing
