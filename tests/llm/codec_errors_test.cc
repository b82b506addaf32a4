#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "llm/codec.h"
#include "llm/codec_fixture.h"

namespace coppice::llm {
namespace {

using spec::Codec;
using testing::Decode;
using testing::LoadResponse;
using testing::ProfileOf;

ApiError ErrorOf(Codec codec, const char* name) {
  const ReplyDecoder::End end = Decode(LoadResponse(codec, name));
  REQUIRE(!end.reply);
  return end.error;
}

ApiError ErrorOf(int status, HttpHeaders headers, std::string body) {
  return Decode({.head = {.status = status, .headers = std::move(headers)},
                 .body = std::move(body)})
      .error;
}

TEST_CASE("each class of error asks for what PROVIDERS says") {
  struct Row {
    ErrorClass error;
    bool configuration, retried, feeds;
  };
  const Row rows[] = {
      {ErrorClass::kContextTooLong, false, false, false},
      {ErrorClass::kTooLarge, false, false, false},
      {ErrorClass::kUnsupportedParam, false, false, false},
      {ErrorClass::kBadRequest, false, false, false},
      {ErrorClass::kAuth, true, false, false},
      {ErrorClass::kBilling, true, false, false},
      {ErrorClass::kNotFound, true, false, false},
      {ErrorClass::kRateLimited, false, true, false},
      {ErrorClass::kOverloaded, false, true, true},
      {ErrorClass::kServer, false, true, true},
      {ErrorClass::kTransient, false, true, true},
      {ErrorClass::kTruncatedStream, false, true, true},
      {ErrorClass::kReplyTooLarge, false, false, false},
      {ErrorClass::kUnsupportedEncoding, true, false, false},
      {ErrorClass::kRedirect, true, false, false},
      {ErrorClass::kTlsConfig, true, false, false},
      {ErrorClass::kCancelled, false, false, false},
  };
  for (const Row& row : rows) {
    CAPTURE(Name(row.error));
    CHECK(IsConfiguration(row.error) == row.configuration);
    CHECK(IsRetried(row.error) == row.retried);
    CHECK(FeedsBreaker(row.error) == row.feeds);
  }
}

TEST_CASE("the server may say whether to retry, but not for keys or money") {
  const auto retried = [](const char* name) {
    return IsRetried(ErrorOf(Codec::kOpenAiChat, name));
  };
  CHECK(retried("400_retry_told"));
  CHECK(!retried("400_other"));
  CHECK(!retried("503_overloaded"));
  CHECK(retried("503_plain"));
  CHECK(!retried("401_retry_told"));
  CHECK(!retried("429_insufficient_quota"));
}

TEST_CASE("402 is money, unless it says when to come back") {
  CHECK(ErrorOf(Codec::kOpenAiChat, "402").error == ErrorClass::kBilling);
  CHECK(ErrorOf(Codec::kOpenAiChat, "402_retry_after").error ==
        ErrorClass::kRateLimited);
}

TEST_CASE("an exchange without a response has a class too") {
  const std::pair<HttpFault, ErrorClass> rows[] = {
      {HttpFault::kResolve, ErrorClass::kTransient},
      {HttpFault::kConnect, ErrorClass::kTransient},
      {HttpFault::kTls, ErrorClass::kTlsConfig},
      {HttpFault::kHandshake, ErrorClass::kTransient},
      {HttpFault::kReset, ErrorClass::kTransient},
      {HttpFault::kIdle, ErrorClass::kTransient},
      {HttpFault::kTotal, ErrorClass::kTransient},
      {HttpFault::kTruncated, ErrorClass::kTruncatedStream},
      {HttpFault::kTooLarge, ErrorClass::kReplyTooLarge},
      {HttpFault::kMalformed, ErrorClass::kServer},
      {HttpFault::kEncoding, ErrorClass::kUnsupportedEncoding},
      {HttpFault::kCorrupt, ErrorClass::kTransient},
      {HttpFault::kCancelled, ErrorClass::kCancelled},
  };
  for (const auto& [fault, error] : rows) {
    const ApiError api = FromTransport({.fault = fault, .detail = "why"});
    CHECK(api.error == error);
    CHECK(api.message == "why");
  }
  CHECK(FromTransport({.fault = HttpFault::kProxy, .status = 407}).error ==
        ErrorClass::kAuth);
  CHECK(FromTransport({.fault = HttpFault::kProxy, .status = 502}).error ==
        ErrorClass::kTransient);
}

// Everything set, so that every rung was sent.
struct Sent {
  spec::ModelProfile profile = ProfileOf(Codec::kOpenAiChat);
  Call call{.messages = {{Role::kSystem, "s"}, {Role::kUser, "u"}},
            .temperature = 0.5,
            .schema = JsonSchema{"n", "{}"}};
  Dropped dropped;

  Sent() { profile.effort = "high"; }
  bool TryDrop(const char* name, Codec codec = Codec::kOpenAiChat) {
    return Drop(ErrorOf(codec, name), profile, call, dropped);
  }
};

TEST_CASE("a refusal takes the rung it names, once") {
  Sent sent;
  CHECK(sent.TryDrop("400_temperature"));
  CHECK(sent.dropped == Dropped{.temperature = true});
  CHECK(!sent.TryDrop("400_temperature"));
  CHECK(sent.TryDrop("400_effort"));
  CHECK(sent.dropped.effort);
  CHECK(sent.TryDrop("422_fastapi"));
  CHECK(sent.dropped.stream_options);
  CHECK(sent.TryDrop("400_max_tokens"));
  CHECK(sent.dropped.swapped_max_tokens);
  CHECK(sent.TryDrop("400_developer"));
  CHECK(sent.dropped.system_role);
  CHECK(!sent.dropped.schema);
  CHECK(sent.TryDrop("400_effort", Codec::kAnthropic) == false);
}

TEST_CASE("what was not sent is not dropped") {
  Sent sent;
  sent.call.temperature.reset();
  sent.profile.effort.reset();
  sent.profile.system_role = "system";
  sent.profile.stream = false;
  CHECK(!sent.TryDrop("400_temperature"));
  CHECK(!sent.TryDrop("400_effort"));
  CHECK(!sent.TryDrop("400_developer"));
  CHECK(!sent.TryDrop("422_fastapi"));
  sent.profile.codec = Codec::kAnthropic;
  CHECK(!sent.TryDrop("400_max_tokens"));
  CHECK(sent.dropped == Dropped{});
}

TEST_CASE("a value that is wrong drops nothing; nor does any other error") {
  Sent sent;
  CHECK(!sent.TryDrop("400_max_tokens_value"));
  CHECK(!sent.TryDrop("400_context"));
  CHECK(!sent.TryDrop("401"));
  CHECK(!sent.TryDrop("500"));
  CHECK(sent.dropped == Dropped{});
}

TEST_CASE("every dialect's name of a parameter is known") {
  struct Row {
    const char* message;
    Dropped dropped;
  };
  const Row rows[] = {
      {"`temperature` and `top_p` cannot both be specified",
       {.temperature = true}},
      {"thinking: extra inputs", {.effort = true}},
      {"output_config: extra inputs", {.effort = true}},
      {"output_config.format: not supported", {.schema = true}},
      {"Unknown name \"responseJsonSchema\"", {.schema = true}},
      {"response_format is not available", {.schema = true}},
      {"Unknown name \"thinkingConfig\" at 'generation_config'",
       {.effort = true}},
      {"Unrecognized argument: max_completion_tokens",
       {.swapped_max_tokens = true}},
      {"no stream_options here", {.stream_options = true}},
      {"nothing known", {}},
      {"temperatures rose", {}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.message);
    Sent sent;
    const Json body{{"error", {{"message", row.message}}}};
    const ApiError error = ErrorOf(400, {}, body.dump());
    const bool named = row.dropped != Dropped{};
    CHECK((error.error == ErrorClass::kUnsupportedParam) == named);
    CHECK(Drop(error, sent.profile, sent.call, sent.dropped) == named);
    CHECK(sent.dropped == row.dropped);
  }
}

TEST_CASE("a parameter that is left out already is a bad request") {
  const testing::Response response =
      LoadResponse(Codec::kOpenAiChat, "400_temperature");
  const auto decoder =
      MakeReplyDecoder(response.head, response.codec, {.temperature = true});
  decoder->Feed(response.body);
  CHECK(decoder->Finish().error.error == ErrorClass::kBadRequest);
}

TEST_CASE("a redirect names the host, never the rest of the address") {
  const ApiError error = ErrorOf(Codec::kOpenAiChat, "302");
  CHECK(error.message.find("login.example.com") != std::string::npos);
  CHECK(error.message.find("token") == std::string::npos);
  CHECK(ErrorOf(301, {{"location", "/other"}}, "").error ==
        ErrorClass::kRedirect);
}

TEST_CASE("messages are cut to 2 KB, clean and without keys") {
  std::string body =
      R"({"error":{"message":"\u001b[31mkey sk-abcdefgh12345678 )";
  for (int i = 0; i < 3000; ++i) body += "\u00e9";
  const ApiError error = ErrorOf(500, {}, body + "\"}}");
  CHECK(error.message.size() <= 2048);
  CHECK(error.message.size() > 2000);
  CHECK(error.message.starts_with("key [REDACTED] \u00e9"));
  CHECK(error.message.ends_with("\u00e9..."));
}

TEST_CASE("an endless error body is read to a limit only") {
  const auto decoder = MakeReplyDecoder({.status = 500}, Codec::kGemini, {});
  const std::string piece(100'000, 'x');
  int taken = 0;
  while (taken < 100 && decoder->Feed(piece)) ++taken;
  CHECK(taken < 15);
  CHECK(decoder->Finish().error.error == ErrorClass::kServer);
}

TEST_CASE("what is held and what looks like a key is redacted") {
  Redactor redact;
  redact.Hold("hunter2");
  redact.Hold("hunter2-longer");
  redact.Hold("");
  CHECK(redact("a hunter2 b hunter2-longer c") ==
        "a [REDACTED] b [REDACTED] c");
  CHECK(redact("key sk-proj-abc_DEF123456, next") == "key [REDACTED], next");
  CHECK(redact("AIzaSyA1234567890abcdefghijklmnopqrstuv!") == "[REDACTED]!");
  CHECK(redact("Authorization: Bearer abc.def-123456\r\n") ==
        "Authorization: Bearer [REDACTED]\r\n");
  CHECK(redact("{\"x-api-key\": \"0123456789\"}") ==
        "{\"x-api-key\": \"[REDACTED]\"}");
  CHECK(redact("invalid x-api-key") == "invalid x-api-key");
  CHECK(redact("risk-averse desk-bound task-1") ==
        "risk-averse desk-bound task-1");
  CHECK(redact("sk-1 AIza bearer of news") == "sk-1 AIza bearer of news");
  CHECK(redact("") == "");
}

}  // namespace
}  // namespace coppice::llm
