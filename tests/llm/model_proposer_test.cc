#include "llm/model_proposer.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "base/simulation.h"
#include "support/memory_call_log.h"
#include "support/scripted_http.h"

// One attempt at one model in virtual time: real endpoint, codecs, edit
// session and retry rules; a server in memory.

namespace coppice::llm {
namespace {

using testing::ChatReply;
using testing::MemoryCallLog;
using testing::ScriptedHttp;

constexpr const char* kGood =
    "IDEA: count to three\n\n"
    "a.txt\n<<<<<<< SEARCH\none\n=======\nthree\n>>>>>>> REPLACE\n";

ScriptedHttp::Response Error(int status, const std::string& body,
                             HttpHeaders headers = {}) {
  ScriptedHttp::Response response{.status = status, .body = body};
  headers.emplace_back("content-type", "application/json");
  response.headers = std::move(headers);
  return response;
}

ScriptedHttp::Response Fault(HttpFault fault, bool sent = false) {
  ScriptedHttp::Response response;
  response.fault = fault;
  response.sent = sent;
  return response;
}

class World {
 public:
  World() : http(simulation.clock()) {
    profile.provider = "openai";
    profile.model = "m";
    profile.codec = spec::Codec::kOpenAiChat;
    profile.max_tokens_field = "max_tokens";
    profile.system_role = "system";
    profile.stream = false;
    spec::TokenPrice price;
    price.input = 1'000'000;  // a dollar a million
    price.output = 10'000'000;
    profile.price = price;
    arm.model = "openai/m";
    arm.max_output_tokens = 1000;
    auto file = std::make_shared<SourceFile>();
    file->path = "a.txt";
    file->text = "one\ntwo\n";
    file->digest = "d";
    file->mutable_file = true;
    request.attempt = AttemptId(1);
    request.files = {file};
    request.prompt = {
        {.name = "rules", .text = "Rules.", .system = true},
        {.name = "digest", .text = std::string(4000, 'd'), .keep = 0},
        {.name = "task", .text = "Do it."}};
  }

  Proposer& proposer() {
    if (made_ == nullptr) {
      Credentials credentials{.key = "sk-test-canary-1234",
                              .variable = "OPENAI_API_KEY"};
      redact.Hold(credentials.key);
      auto endpoint = std::make_unique<Endpoint>(
          profile, "http://127.0.0.1:1/v1", std::move(credentials),
          Endpoint::Parts{http, simulation.clock(), redact, gate});
      made_ = MakeModelProposer(arm, proposal, std::move(endpoint),
                                {.clock = simulation.clock(),
                                 .compute = simulation.compute(),
                                 .requests = requests,
                                 .mutable_patterns = {"a.txt"}});
    }
    return *made_;
  }

  Proposed Ask() {
    Proposed proposed;
    auto ask = [&]() -> Task<void> {
      proposed = co_await proposer().Propose(request, log);
    };
    simulation.Run(ask());
    return proposed;
  }

  double Now() {
    return std::chrono::duration<double>(simulation.clock().Now().since_start)
        .count();
  }

  Simulation simulation;
  ScriptedHttp http;
  Redactor redact;
  RateGate gate;
  Semaphore requests{simulation.io().get_executor(), 8};
  spec::ModelProfile profile;
  spec::ModelArm arm;
  spec::Proposal proposal;
  Request request;
  MemoryCallLog log;

 private:
  std::unique_ptr<Proposer> made_;
};

TEST_CASE("a complete answer becomes the edits, with its cost on record") {
  World world;
  world.http.Then(ChatReply(kGood));
  const Proposed made = world.Ask();
  REQUIRE(made.proposal);
  CHECK(made.proposal->plan.idea == "count to three");
  REQUIRE(made.proposal->changes.size() == 1);
  CHECK(made.proposal->changes[0].content == "three\ntwo\n");
  REQUIRE(world.log.answered.size() == 1);
  const CallUsage& usage = world.log.answered[0].usage;
  CHECK(usage.input == 1000);
  CHECK(usage.usd == doctest::Approx(1000 * 1e-6 + 100 * 1e-5));
  CHECK(world.log.asked[0].reserve_usd > usage.usd);
}

TEST_CASE("AC-24 a failed block is asked for again, by itself") {
  World world;
  world.http.Then(
      ChatReply("IDEA: x\n\na.txt\n<<<<<<< SEARCH\nthe first\n=======\nx\n"
                ">>>>>>> REPLACE\n"));
  world.http.Then(ChatReply(kGood));
  const Proposed made = world.Ask();
  REQUIRE(made.proposal);
  REQUIRE(world.log.asked.size() == 2);
  CHECK(world.log.asked[1].role == "edit");
  const std::string reply = world.log.asked[1].prompt.back().text;
  CHECK(reply.find("not_found") != std::string::npos);
  CHECK(reply.size() <= 8192);
}

TEST_CASE("blocks that keep failing end the attempt with their cause") {
  World world;
  world.proposal.edit_retries = 1;
  world.http.otherwise = [](const HttpRequest&) {
    return ChatReply(
        "IDEA: x\n\na.txt\n<<<<<<< SEARCH\nno\n=======\nx\n"
        ">>>>>>> REPLACE\n");
  };
  const Proposed made = world.Ask();
  CHECK_FALSE(made.proposal);
  CHECK_FALSE(made.unavailable);
  CHECK(made.refusal.reason.starts_with("not_found"));
  CHECK(world.http.seen.size() == 2);
}

TEST_CASE("PC-07 PC-08 PC-09 no usable answer: told once, then edit_failed") {
  struct Case {
    const char* body;
    const char* reason;
  };
  const Case cases[] = {
      {R"({"choices":[{"message":{"content":""},"finish_reason":"stop"}]})",
       "empty"},
      {R"({"choices":[{"message":{"content":null,"refusal":"no"},)"
       R"("finish_reason":"stop"}]})",
       "refused"},
      {R"({"choices":[{"message":{"content":"IDEA: x\n\na.txt\n<<<<<<< )"
       R"(SEARCH\none\n=======\nthree\n>>>>>>> REPLACE\n"},)"
       R"("finish_reason":"length"}]})",
       "truncated"}};
  for (const Case& c : cases) {
    CAPTURE(c.reason);
    World world;
    world.http.otherwise = [&](const HttpRequest&) {
      ScriptedHttp::Response response;
      response.body = c.body;
      return response;
    };
    const Proposed made = world.Ask();
    CHECK_FALSE(made.proposal);
    CHECK_FALSE(made.unavailable);
    CHECK(made.refusal.reason == c.reason);
    CHECK(world.http.seen.size() == 2);
  }
}

TEST_CASE("PC-27 503, 503, 200: one attempt, three requests") {
  World world;
  world.http.Then(Error(503, R"({"error":{"message":"busy"}})"));
  world.http.Then(Error(503, R"({"error":{"message":"busy"}})"));
  world.http.Then(ChatReply(kGood));
  const Proposed made = world.Ask();
  CHECK(made.proposal);
  CHECK(world.http.seen.size() == 3);
  CHECK(world.log.answered[0].stop == "failed: server");
  CHECK(world.log.answered[0].usage.usd == 0);
}

TEST_CASE("PC-19 a stated wait holds all calls of the key back") {
  World world;
  world.http.Then(Error(429, R"({"error":{"type":"rate_limit_exceeded"}})",
                        {{"retry-after", "7"}}));
  world.http.Then(ChatReply(kGood));
  const Proposed made = world.Ask();
  REQUIRE(made.proposal);
  const Duration between = world.http.seen[1].at - world.http.seen[0].at;
  CHECK(between >= std::chrono::seconds(8));  // its second, and seven
  CHECK(between < std::chrono::seconds(10));
}

TEST_CASE("PC-21 PC-22 PC-24 what the user must repair is asked exactly once") {
  struct Case {
    int status;
    const char* body;
    const char* cause;
    bool shared;
  };
  const Case cases[] = {
      {401, R"({"error":{"code":"invalid_api_key","message":"bad key"}})",
       "auth", true},
      {429, R"({"error":{"type":"insufficient_quota","message":"pay"}})",
       "billing", true},
      {404, R"({"error":{"message":"no such model"}})", "not_found", false}};
  for (const Case& c : cases) {
    CAPTURE(c.cause);
    World world;
    world.http.Then(Error(c.status, c.body));
    const Proposed made = world.Ask();
    REQUIRE(made.unavailable);
    CHECK(made.unavailable->off);
    CHECK(made.unavailable->cause == c.cause);
    CHECK(made.unavailable->shared.empty() == !c.shared);
    const std::string& reason = made.unavailable->reason;
    CAPTURE(reason);
    if (c.shared) CHECK(reason.find("OPENAI_API_KEY") != std::string::npos);
    CHECK(reason.find("canary") == std::string::npos);
    CHECK(world.http.seen.size() == 1);
  }
}

TEST_CASE("PC-26 a parameter that is refused is left out from then on") {
  World world;
  world.arm.temperature = 0.5;
  world.http.Then(
      Error(400, R"({"error":{"message":"unsupported","param":"temperature",)"
                 R"("code":"unsupported_parameter"}})"));
  world.http.Then(ChatReply(kGood));
  REQUIRE(world.Ask().proposal);
  CHECK(world.http.seen[0].request.body.find("temperature") !=
        std::string::npos);
  CHECK(world.http.seen[1].request.body.find("temperature") ==
        std::string::npos);
  world.log = MemoryCallLog();
  world.http.Then(ChatReply(kGood));
  REQUIRE(world.Ask().proposal);
  CHECK(world.http.seen.size() == 3);
}

TEST_CASE("PC-25 too long a prompt is cut twice at most, each time smaller") {
  World world;
  world.http.otherwise = [](const HttpRequest&) {
    return Error(400, R"({"error":{"code":"context_length_exceeded",)"
                      R"("message":"maximum context length is 10 tokens"}})");
  };
  const Proposed made = world.Ask();
  CHECK(made.refusal.reason == "context");
  REQUIRE(world.http.seen.size() >= 2);
  CHECK(world.http.seen.size() <= 3);
  for (std::size_t i = 1; i < world.http.seen.size(); ++i) {
    CHECK(world.http.seen[i].request.body.size() <
          world.http.seen[i - 1].request.body.size());
  }
}

TEST_CASE("PC-28 a server that is out rests the arm; a probe brings it back") {
  World world;
  world.http.otherwise = [](const HttpRequest&) {
    return Error(529, R"({"error":{"type":"overloaded_error"}})");
  };
  const Proposed out = world.Ask();
  REQUIRE(out.unavailable);
  CHECK_FALSE(out.unavailable->off);
  CHECK(out.unavailable->cause == "outage");
  CHECK(world.http.seen.size() == 5);  // the breaker opens
  const auto rests = world.proposer().resting_until();
  REQUIRE(rests);
  auto wait = [&]() -> Task<void> {
    co_await world.simulation.clock().SleepUntil(*rests);
  };
  world.simulation.Run(wait());
  CHECK_FALSE(world.proposer().resting_until());
  // The probe fails: one request, and twice the rest.
  const Proposed still = world.Ask();
  REQUIRE(still.unavailable);
  CHECK(world.http.seen.size() == 6);
  const auto longer = world.proposer().resting_until();
  REQUIRE(longer);
  CHECK(*longer - world.simulation.clock().Now() > std::chrono::seconds(55));
  auto again = [&]() -> Task<void> {
    co_await world.simulation.clock().SleepUntil(*longer);
  };
  world.simulation.Run(again());
  world.http.otherwise = [](const HttpRequest&) { return ChatReply(kGood); };
  CHECK(world.Ask().proposal);
  CHECK_FALSE(world.proposer().resting_until());
}

TEST_CASE("a call that broke off after it was sent is charged in full") {
  World world;
  world.http.Then(Fault(HttpFault::kReset, true));
  world.http.Then(Fault(HttpFault::kConnect, false));
  world.http.Then(ChatReply(kGood));
  REQUIRE(world.Ask().proposal);
  CHECK(world.log.answered[0].usage.usd ==
        doctest::Approx(world.log.asked[0].reserve_usd));
  CHECK(world.log.answered[0].usage.estimated);
  CHECK(world.log.answered[1].usage.usd == 0);
}

TEST_CASE("AC-26 a server that never ends is over by the deadline") {
  World world;
  world.proposal.deadline_seconds = 60;
  world.proposal.request_timeout_seconds = 25;
  world.http.otherwise = [](const HttpRequest&) {
    ScriptedHttp::Response response;
    response.seconds = 1e6;
    return response;
  };
  const Proposed out = world.Ask();
  REQUIRE(out.unavailable);
  CHECK(out.unavailable->cause == "outage");
  CHECK(world.Now() <= 65);
}

TEST_CASE("answers on record are used, and the call cut off is made again") {
  World world;
  Answered interrupted;
  interrupted.turn = 0;
  interrupted.stop = "failed: interrupted";
  world.log.Remember(interrupted);
  Answered failed_block;
  failed_block.turn = 1;
  failed_block.text =
      "IDEA: x\n\na.txt\n<<<<<<< SEARCH\nno\n=======\nx\n>>>>>>> REPLACE\n";
  failed_block.stop = "complete";
  world.log.Remember(failed_block);
  world.http.Then(ChatReply(kGood));
  REQUIRE(world.Ask().proposal);
  CHECK(world.http.seen.size() == 1);
  REQUIRE(world.log.asked.size() == 1);
  CHECK(world.log.asked[0].role == "edit");
}

TEST_CASE("no call is made without the search's leave") {
  World world;
  world.log.RefuseFrom(0);
  const Proposed made = world.Ask();
  REQUIRE(made.unavailable);
  CHECK(made.unavailable->cause == "budget");
  CHECK(world.http.seen.empty());
}

TEST_CASE("three bad requests in a row switch the arm off") {
  World world;
  world.http.otherwise = [](const HttpRequest&) {
    return Error(400, R"({"error":{"message":"malformed request"}})");
  };
  for (int i = 0; i < 2; ++i) {
    const Proposed made = world.Ask();
    CHECK(made.refusal.reason.starts_with("bad_request"));
    world.log = MemoryCallLog();
  }
  const Proposed off = world.Ask();
  REQUIRE(off.unavailable);
  CHECK(off.unavailable->off);
}

}  // namespace
}  // namespace coppice::llm
