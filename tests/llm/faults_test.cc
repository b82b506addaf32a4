#include <doctest/doctest.h>
#include <fmt/format.h>

#include <deque>
#include <nlohmann/json.hpp>

#include "llm/codec_fixture.h"
#include "llm/fault_arm.h"

// Answers that are refusals, nonsense, too much, or oddly framed, and what one
// arm makes of each. Expectations: PROVIDERS §4, §13; MISSION AC-02.

namespace coppice::llm {
namespace {

using coppice::testing::Answering;
using coppice::testing::FaultServer;
using coppice::testing::Peer;
using coppice::testing::ResponseHeaders;
using spec::Codec;
using std::chrono::seconds;

std::string Raw(int status, std::string_view body,
                ResponseHeaders headers = {
                    {"Content-Type", "application/json"}}) {
  return coppice::testing::Response(status, body, std::move(headers));
}

std::string Good() { return WholeReply(Edit("three")); }
std::string Good(Codec codec) { return Stream(codec, Edit("three")).whole(); }

}  // namespace

TEST_CASE("PC-21 what must be paid for first is asked exactly once") {
  struct Case {
    Codec codec;
    const char* golden;
  };
  const Case cases[] = {
      {Codec::kOpenAiChat, "429_insufficient_quota"},
      {Codec::kOpenAiChat, "400_insufficient_quota"},
      {Codec::kOpenAiChat, "429_credit_balance_exhausted"},
      {Codec::kOpenAiChat, "429_organization_spend_limit_exceeded"},
      {Codec::kOpenAiChat, "429_organization_usage_limit_exceeded"},
      {Codec::kOpenAiChat, "429_project_spend_limit_exceeded"},
      {Codec::kOpenAiChat, "402"},
      {Codec::kAnthropic, "400_billing"},
      {Codec::kAnthropic, "400_credit"},
      {Codec::kAnthropic, "429_spend_limit"},
      {Codec::kGemini, "400_precondition"}};
  Conductor conductor;
  for (const Case& c : cases) {
    CAPTURE(c.golden);
    Arm arm(conductor, {Golden(c.codec, c.golden), Good(c.codec)}, c.codec);
    arm.Ask();
    REQUIRE(arm.made.unavailable);
    CHECK(arm.made.unavailable->off);
    CHECK(arm.made.unavailable->cause == "billing");
    CHECK_FALSE(arm.made.unavailable->shared.empty());
    const std::string& reason = arm.made.unavailable->reason;
    CAPTURE(reason);
    CHECK(reason.find("TEST_API_KEY") != std::string::npos);
    CHECK(reason.find("canary") == std::string::npos);
    CHECK(arm.stop(0) == "failed: billing");
    CHECK(arm.log.answered[0].usage.usd == 0);
    CHECK(arm.seen() == 1);
  }
}

TEST_CASE("PC-21 no server can talk us into paying calls again") {
  Conductor conductor;
  Arm arm(conductor, {Raw(429, R"({"error":{"type":"insufficient_quota"}})",
                          {{"x-should-retry", "true"}, {"Retry-After", "0"}}),
                      Good()});
  arm.Ask();
  REQUIRE(arm.made.unavailable);
  CHECK(arm.made.unavailable->cause == "billing");
  CHECK(arm.seen() == 1);
}

TEST_CASE("a refusal whose body breaks off is believed by its status") {
  const auto begun = [](int status) {
    return fmt::format(
        "HTTP/1.1 {} No\r\nContent-Type: application/json\r\n"
        "Content-Length: 900\r\n\r\n{{\"error\":",
        status);
  };
  Conductor conductor;
  for (const bool stalls : {false, true}) {
    CAPTURE(stalls);
    Arm arm(conductor, Arm::Scripts{[&](Peer& peer) {
              peer.ReadRequest();
              peer.Send(begun(401));
              if (stalls) peer.Hold();
            }});
    arm.idle = std::chrono::milliseconds(200);
    arm.Ask();
    REQUIRE(arm.made.unavailable);
    CHECK(arm.made.unavailable->cause == "auth");
    CHECK(arm.log.answered[0].usage.usd == 0);
    CHECK(arm.seen() == 1);
  }
  Arm unclear(conductor,
              Arm::Scripts{AnswerAndClose(begun(400)), Answering({Good()})});
  CHECK(unclear.Ask().proposal);
  CHECK(unclear.stop(0) == "failed: truncated_stream");
  CHECK(unclear.log.answered[0].usage.usd == 0);
  CHECK(unclear.seen() == 2);
}

TEST_CASE("PC-25 too long a prompt is cut twice, each time smaller") {
  struct Case {
    Codec codec;
    const char* golden;
  };
  const Case cases[] = {{Codec::kOpenAiChat, "400_context"},
                        {Codec::kOpenAiChat, "llama_context"},
                        {Codec::kOpenAiChat, "error_object_200"},
                        {Codec::kOpenAiChat, "413_html"},
                        {Codec::kOpenAiResponses, "400_context"},
                        {Codec::kAnthropic, "400_context"},
                        {Codec::kAnthropic, "413"},
                        {Codec::kGemini, "400_context"},
                        {Codec::kOllama, "400_context"}};
  Conductor conductor;
  for (const Case& c : cases) {
    CAPTURE(Name(c.codec));
    CAPTURE(c.golden);
    Arm arm(conductor, {Golden(c.codec, c.golden)}, c.codec);
    arm.Ask();
    CHECK_FALSE(arm.made.unavailable);
    CHECK(arm.made.refusal.outcome == Outcome::kEditFailed);
    CHECK(arm.made.refusal.reason == "context");
    const auto requests = arm.server.requests();
    REQUIRE(requests.size() == 3);
    CHECK(requests[1].body.size() < requests[0].body.size());
    CHECK(requests[2].body.size() < requests[1].body.size());
    // The cuts do not touch what is always kept.
    CHECK(requests[2].body.find("Do it.") != std::string::npos);
  }
}

TEST_CASE("PC-25 a prompt that fits after one cut is answered") {
  Conductor conductor;
  for (const Codec codec : testing::kCodecs) {
    CAPTURE(Name(codec));
    Arm arm(conductor, {Golden(codec, "400_context"), Good(codec)}, codec);
    arm.Ask();
    CHECK(arm.content() == "three\ntwo\n");
    CHECK(arm.seen() == 2);
  }
}

TEST_CASE("PC-26 a parameter that is refused is left out from then on") {
  Conductor conductor;
  for (const Codec codec : {Codec::kOpenAiChat, Codec::kAnthropic}) {
    CAPTURE(Name(codec));
    Arm arm(conductor, {Golden(codec, "400_temperature"), Good(codec)}, codec);
    arm.arm.temperature = 0.5;
    CHECK(arm.Ask().proposal);
    CHECK(arm.stop(0) == "failed: unsupported_param");
    arm.log = coppice::testing::MemoryCallLog();
    CHECK(arm.Ask().proposal);
    const auto requests = arm.server.requests();
    REQUIRE(requests.size() == 3);
    CHECK(requests[0].body.find("temperature") != std::string::npos);
    CHECK(requests[1].body.find("temperature") == std::string::npos);
    CHECK(requests[2].body.find("temperature") == std::string::npos);
  }
}

TEST_CASE("PC-29 a 200 that is no reply counts as a 502 or by its own code") {
  struct Case {
    const char* golden;
    const char* stop;
  };
  const Case cases[] = {{"error_string_200", "failed: server"},
                        {"html_200", "failed: server"},
                        {"empty_200", "failed: server"},
                        {"half_json_200", "failed: server"},
                        {"wrong_shape_200", "failed: server"},
                        {"error_object_200", "failed: context_too_long"}};
  Conductor conductor;
  std::deque<Arm> arms;
  for (const Case& c : cases) {
    arms.emplace_back(conductor, std::vector<std::string>{
                                     Golden(Codec::kOpenAiChat, c.golden),
                                     Good(Codec::kOpenAiChat)});
    arms.back().Start();
  }
  Arm billing(conductor,
              {Raw(200, R"({"error":{"code":"insufficient_quota"}})"), Good()});
  billing.Start();
  conductor.Run();
  for (std::size_t i = 0; i < arms.size(); ++i) {
    CAPTURE(cases[i].golden);
    CHECK(arms[i].stop(0) == cases[i].stop);
    CHECK(arms[i].log.answered[0].text.empty());
    CHECK(arms[i].content() == "three\ntwo\n");
    CHECK(arms[i].seen() == 2);
  }
  REQUIRE(billing.made.unavailable);
  CHECK(billing.made.unavailable->cause == "billing");
  CHECK(billing.seen() == 1);
}

TEST_CASE("PC-30 a redirect is shown by status and host, and never followed") {
  Conductor conductor;
  FaultServer other(Answering({Good()}));
  for (const int status : {301, 302, 303, 307, 308}) {
    CAPTURE(status);
    const std::string target =
        fmt::format("http://localhost:{}/path?token=secret", other.port());
    Arm arm(conductor, {Raw(status, "", {{"Location", target}})});
    arm.Ask();
    REQUIRE(arm.made.unavailable);
    CHECK(arm.made.unavailable->off);
    CHECK(arm.made.unavailable->cause == "redirect");
    const std::string& reason = arm.made.unavailable->reason;
    CAPTURE(reason);
    CHECK(reason.find("localhost") != std::string::npos);
    CHECK(reason.find(std::to_string(status)) != std::string::npos);
    CHECK(reason.find("secret") == std::string::npos);
    CHECK(arm.seen() == 1);
  }
  CHECK(other.connections() == 0);
}

TEST_CASE("PC-40 large answers and headers are taken up to their caps") {
  const std::string word(300'000, 'w');
  // What nobody reads, in front of an edit.
  nlohmann::json padded = {
      {"choices",
       {{{"message",
          {{"reasoning", std::string(std::size_t{20} << 20, 'r')},
           {"content", Edit("three")}}},
         {"finish_reason", "stop"}}}}};
  const std::string reply = Good();
  const auto with_header = [&](std::size_t size) {
    const std::size_t begin = reply.find("\r\n") + 2;
    return reply.substr(0, begin) + "X-Long: " + std::string(size, 'x') +
           "\r\n" + reply.substr(begin);
  };
  Conductor conductor;
  Arm whole(conductor, {WholeReply(Edit(word))});
  CHECK(whole.Ask().proposal);
  CHECK(whole.content() == word + "\ntwo\n");
  Arm streamed(conductor, {Stream(Codec::kAnthropic, Edit(word)).whole()},
               Codec::kAnthropic);
  CHECK(streamed.Ask().proposal);
  CHECK(streamed.content() == word + "\ntwo\n");
  Arm padding(conductor, {Raw(200, padded.dump())});
  CHECK(padding.Ask().proposal);
  Arm header(conductor, {with_header(60'000)});
  CHECK(header.Ask().proposal);
  for (const Arm* arm : {&whole, &streamed, &padding, &header}) {
    CHECK(arm->seen() == 1);
  }
  Arm too_long(conductor, {with_header(70'000)});
  CHECK(too_long.Ask().refusal.reason == "reply_too_large");
  CHECK(too_long.stop(0) == "failed: reply_too_large");
  CHECK(too_long.IsLost(0));
  CHECK(too_long.seen() == 1);
}

TEST_CASE("PC-42 interim answers, extensions, trailers and closing are read") {
  const std::string body = Stream(Codec::kOpenAiChat, Edit("three")).begun;
  const std::string odd =
      "HTTP/1.1 100 Continue\r\n\r\n"
      "HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n"
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
      "Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n"
      "Connection: close\r\n\r\n" +
      body + "e;name=value;other=\"q\"\r\ndata: [DONE]\n\n\r\n" +
      "0;last\r\nX-Sum: 1\r\n\r\n";
  Conductor conductor;
  Arm arm(conductor, Arm::Scripts{AnswerAndClose(odd)});
  arm.Ask();
  CHECK(arm.content() == "three\ntwo\n");
  CHECK(arm.log.answered[0].usage.input == 1000);
  CHECK(arm.seen() == 1);
  // What was closed is not used again.
  arm.log = coppice::testing::MemoryCallLog();
  CHECK(arm.Ask().proposal);
  CHECK(arm.seen() == 2);
  CHECK(arm.server.connections() == 2);
}

TEST_CASE("AC-02 an answer without an edit is told so once, then ends it") {
  struct Case {
    std::string reply;
    const char* reason;
  };
  const std::string refused =
      R"({"choices":[{"message":{"content":null,"refusal":"no"},)"
      R"("finish_reason":"stop"}]})";
  const Case cases[] = {{WholeReply(""), "empty"},
                        {WholeReply(" \n\t\n"), "empty"},
                        {WholeReply(Edit("two"), "length"), "truncated"},
                        {Raw(200, refused), "refused"},
                        {WholeReply("", "content_filter"), "refused"}};
  Conductor conductor;
  for (const Case& c : cases) {
    CAPTURE(c.reply);
    Arm hopeless(conductor, {c.reply});
    CHECK(hopeless.Ask().refusal.reason == c.reason);
    CHECK_FALSE(hopeless.made.proposal);
    CHECK_FALSE(hopeless.made.unavailable);
    CHECK(hopeless.seen() == 2);
    Arm second(conductor, {c.reply, Good()});
    second.Ask();
    CHECK(second.content() == "three\ntwo\n");
    CHECK(second.seen() == 2);
    CHECK(second.log.asked[1].role == "edit");
  }
}

TEST_CASE("AC-02 fences and thinking around an edit do not hide it") {
  const std::string fenced =
      "IDEA: another word\n\nFirst I thought of this:\n```cpp\nint x;\n```\n"
      "but the change is\n```\n"
      "a.txt\n<<<<<<< SEARCH\none\n=======\nthree\n>>>>>>> REPLACE\n```\n";
  const std::string thought =
      "<think>\nShould line one be two? No.\n</think>\n" + Edit("three");
  const std::string block =
      R"({"content":[{"type":"thinking","thinking":"hm","signature":"s"},)"
      R"({"type":"text","text":)" +
      nlohmann::json(Edit("three")).dump() +
      R"(}],"stop_reason":"end_turn",)"
      R"("usage":{"input_tokens":1,"output_tokens":1}})";
  Conductor conductor;
  Arm fences(conductor, {WholeReply(fenced)});
  Arm thinking(conductor, {WholeReply(thought)});
  Arm blocks(conductor, {Raw(200, block)}, Codec::kAnthropic);
  for (Arm* arm : {&fences, &thinking, &blocks}) {
    arm->Ask();
    CAPTURE(arm->made.refusal.reason);
    CHECK(arm->content() == "three\ntwo\n");
    CHECK(arm->seen() == 1);
  }
}

TEST_CASE("AC-02 a server that is out is asked again, until the deadline") {
  struct Case {
    int status;
    const char* stop;
  };
  const Case cases[] = {{408, "failed: transient"},
                        {429, "failed: rate_limited"},
                        {500, "failed: server"},
                        {529, "failed: overloaded"}};
  Conductor conductor;
  std::deque<Arm> passing, lasting;
  for (const Case& c : cases) {
    const std::string out = Raw(c.status, R"({"error":{"message":"not now"}})");
    passing.emplace_back(conductor, std::vector<std::string>{out, Good()});
    passing.back().Start();
    lasting.emplace_back(conductor, std::vector<std::string>{out});
    lasting.back().proposal.deadline_seconds = 2;
    lasting.back().Start();
  }
  conductor.Run();
  for (std::size_t i = 0; i < passing.size(); ++i) {
    CAPTURE(cases[i].status);
    CHECK(passing[i].content() == "three\ntwo\n");
    CHECK(passing[i].stop(0) == cases[i].stop);
    CHECK(passing[i].log.answered[0].usage.usd == 0);
    CHECK(passing[i].seen() == 2);
    const Arm& arm = lasting[i];
    REQUIRE(arm.made.unavailable);
    CHECK(arm.made.unavailable->cause == "outage");
    CHECK_FALSE(arm.made.unavailable->off);
    CHECK(arm.took < seconds(2 + 5));
    CHECK(arm.seen() >= 2);
    CHECK(arm.seen() == static_cast<int>(arm.log.answered.size()));
  }
}

TEST_CASE("AC-02 hangs and drops are over by the deadline, and paid") {
  const Streamed streamed = Stream(Codec::kOpenAiChat, Edit("two"));
  const auto hang = [](Peer& peer) {
    peer.ReadRequest();
    peer.Hold();
  };
  const auto stall = [streamed](Peer& peer) {
    peer.ReadRequest();
    peer.Send(streamed.head() + streamed.begun);
    peer.Hold();
  };
  const auto drop = [streamed](Peer& peer) {
    peer.ReadRequest();
    peer.Send(streamed.head() + streamed.begun);
    peer.Reset();
  };
  Conductor conductor;
  Arm hanging(conductor, Arm::Scripts{hang});
  Arm stalling(conductor, Arm::Scripts{stall});
  Arm dropping(conductor, Arm::Scripts{drop});
  for (Arm* arm : {&hanging, &stalling, &dropping}) {
    arm->proposal.request_timeout_seconds = 900;
    arm->proposal.deadline_seconds = 2;
    arm->Start();
  }
  Arm dropped(conductor, Arm::Scripts{drop, Answering({Good()})});
  dropped.Start();
  conductor.Run();
  for (const Arm* arm : {&hanging, &stalling, &dropping}) {
    REQUIRE(arm->made.unavailable);
    CHECK(arm->made.unavailable->cause == "outage");
    CHECK_FALSE(arm->made.unavailable->off);
    CHECK(arm->took < seconds(2 + 5));
    for (std::size_t i = 0; i < arm->log.answered.size(); ++i) {
      CHECK(arm->IsLost(i));
    }
  }
  CHECK(hanging.took >= seconds(2));
  CHECK(hanging.seen() == 1);
  CHECK(stalling.seen() == 1);
  CHECK(dropping.seen() >= 2);
  CHECK(dropped.content() == "three\ntwo\n");
  CHECK(dropped.IsLost(0));
  CHECK(dropped.seen() == 2);
}

}  // namespace coppice::llm
