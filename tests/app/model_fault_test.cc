#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "app/model_world.h"
#include "support/fault_server.h"

// Whole runs whose model servers refuse, leak and die, or whose own process
// does: what the run makes of it, and how often the server was asked.

namespace coppice {
namespace {

using nlohmann::json;
using testing::AiMock;
using testing::FaultServer;
using testing::Ran;
using testing::SkippedWithoutAiMock;
using testing::TinyRepo;

constexpr const char* kCanary = "sk-canary-7f3a9c2e5b8d1046";

struct Refusal {
  const char* name;
  int status;
  const char* body;
};

constexpr Refusal kRefusals[] = {
    {"auth", 401,
     R"({"error":{"message":"Incorrect API key provided: )"
     R"(sk-canary-7f3a9c2e5b8d1046","type":"invalid_request_error",)"
     R"("code":"invalid_api_key"}})"},
    {"not_found", 404,
     R"({"error":{"message":"The model does not exist",)"
     R"("type":"invalid_request_error","code":"model_not_found"}})"},
    {"billing", 429,
     R"({"error":{"message":"You exceeded your current quota",)"
     R"("type":"insufficient_quota","code":"insufficient_quota"}})"},
};

void SleepMs(int ms) {
  std::this_thread::sleep_for(std::chrono::milliseconds(ms));
}

// False if it does not come true within half a minute.
template <class Condition>
bool Eventually(Condition condition) {
  for (int i = 0; i < 600; ++i) {
    if (condition()) return true;
    SleepMs(50);
  }
  return false;
}

int PortOfNobody() {
  const FaultServer server([](testing::Peer&) {});
  return server.port();
}

json StatusOf(ModelRepo& repo) {
  const Ran status = repo.Coppice("--output json status");
  REQUIRE_MESSAGE(json::accept(status.out), status.err);
  return json::parse(status.out);
}

}  // namespace

TEST_CASE(
    "PC-21 PC-22 PC-24 a refusal of the key or the model is asked once, "
    "pauses, and goes on when it is put right") {
  if (SkippedWithoutAiMock()) return;
  for (const Refusal& refusal : kRefusals) {
    CAPTURE(refusal.name);
    const FaultServer wrong(
        testing::Answering({testing::Response(refusal.status, refusal.body)}));
    ModelRepo repo;
    repo.env()["OPENAI_API_KEY"] = kCanary;
    repo.env()["OPENAI_BASE_URL"] = wrong.Url("/v1");
    repo.Spec(ModelArm("openai/gpt-5", ""), 2,
              "parallel: {evaluations: 1, requests: 1}\n");
    const Ran run = repo.Coppice("run");
    CAPTURE(run.err);
    CAPTURE(run.out);
    CHECK(run.exit == 5);
    CHECK(wrong.requests().size() == 1);
    if (refusal.status == 404) {
      CHECK(Says(run, "gpt-5"));
      CHECK(Says(run, wrong.Url("/v1")));
    } else {
      CHECK(Says(run, "OPENAI_API_KEY"));
    }
    CHECK_FALSE(Says(run, kCanary));
    CHECK(repo.FilesWith(kCanary).empty());
    const json paused = StatusOf(repo);
    CHECK(paused["status"] == "paused");
    CHECK(paused["paused"]["class"] == "needs_user");
    CHECK(paused["arms"][0]["off"] == refusal.name);
    CHECK(paused["outcomes"].value("edit_failed", 0) == 0);

    const AiMock right(Falling(90, 3), {.api_keys = "sk-right"});
    repo.env()["OPENAI_API_KEY"] = "sk-right";
    repo.env()["OPENAI_BASE_URL"] = right.url() + "/v1";
    const Ran resumed = repo.Coppice("resume");
    CAPTURE(resumed.err);
    CAPTURE(resumed.out);
    CHECK(resumed.exit == 0);
    CHECK(StatusOf(repo)["outcomes"]["improved"] == 2);
    CHECK(right.Journal().size() == 2);
  }
}

TEST_CASE("AC-45 PC-47 a key is nowhere but in the request") {
  if (SkippedWithoutAiMock()) return;
  AiMock mock(Falling(90, 4), {.api_keys = kCanary});
  ModelRepo repo;
  repo.env()["OPENAI_API_KEY"] = kCanary;
  repo.Write("measure.sh",
             "env\ncat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'\n"
             "sed -n 's/^cost /cost: /p' app.txt\n");
  repo.Spec(ModelArm("openai/gpt-5", mock.url() + "/v1"), 2);
  mock.FailNext(500, fmt::format(R"({{"message":"no room for {}"}})", kCanary));
  const Ran run = repo.Coppice(
      "--cassette tape.jsonl --cassette-mode record --output plain run");
  CAPTURE(run.err);
  CAPTURE(run.out);
  CHECK(run.exit == 0);
  CHECK_FALSE(Says(run, kCanary));
  CHECK(repo.FilesWith(kCanary).empty());
  CHECK_FALSE(repo.FilesWith("COPPICE_SEED=").empty());  // env is in the logs
  const std::string tape = repo.Read("tape.jsonl");
  CHECK(tape.find("no room for") != std::string::npos);
  CHECK(tape.find(kCanary) == std::string::npos);
  for (const char* view : {"report", "status", "show 1 --log",
                           "show 1 --prompt", "report --format jsonl"}) {
    CHECK_FALSE(Says(repo.Coppice(view), kCanary));
  }
}

TEST_CASE("PC-65 killed again and again, no answer is paid for twice") {
  if (SkippedWithoutAiMock()) return;
  const AiMock mock(Falling(99, 40), {.latency_ms = 15, .chunk_size = 10});
  ModelRepo repo;
  repo.env()["OPENAI_API_KEY"] = "sk-test-1";
  repo.Spec(ModelArm("openai/gpt-5", mock.url() + "/v1"), 16,
            "parallel: {evaluations: 2, requests: 3}\n");
  std::mt19937 random(20261);
  std::uniform_int_distribution<int> wait(20, 400);
  for (int i = 0; i < 10; ++i) {
    const pid_t pid = repo.Start(i == 0 ? "run" : "resume");
    if (i == 0) {
      REQUIRE(Eventually([&] {
        return !repo.RunDir().empty() &&
               repo.Count("select count(*) from events where kind='asked'") > 0;
      }));
    }
    SleepMs(wait(random));
    kill(pid, SIGKILL);
    TinyRepo::Wait(pid);
  }
  const Ran end = repo.Coppice("resume");
  CAPTURE(end.err);
  CAPTURE(end.out);
  CHECK(end.exit == 0);
  auto count = [&](const std::string& what) {
    return repo.Count("select count(*) from " + what);
  };
  const std::string calls =
      "(select attempt, json_extract(body,'$.turn') turn, kind, "
      "json_extract(body,'$.stop') stop from events)";
  // A call is recorded once and settled once.
  CHECK(
      count("(select 1 from " + calls +
            " where kind='asked' group by attempt, turn having count(*)>1)") ==
      0);
  CHECK(count("(select 1 from " + calls +
              " where kind='answered' group by attempt, turn having "
              "count(*)>1)") == 0);
  CHECK(count(calls + " where kind='asked'") ==
        count(calls + " where kind='answered'"));
  // Once an attempt has its answer, it asks no more.
  CHECK(count("(select 1 from " + calls +
              " where stop='complete' group by attempt having count(*)>1)") ==
        0);
  CHECK(count(calls + " where stop='complete'") == 16);
  CHECK(count(calls + " where kind='answered' and stop not in "
                      "('complete','failed: interrupted')") == 0);
  CHECK(count("events where kind='committed' and attempt>0") == 16);
  CHECK(count("(select distinct attempt from events where kind='evaluated' "
              "and attempt>0)") == 16);
  // What the server answered and we never learnt is charged, not forgotten.
  CHECK(static_cast<int>(mock.Journal().size()) <=
        count(calls + " where kind='asked'"));
  CHECK(repo.Coppice("replay " + repo.RunDir().filename().string()).exit == 0);
  CHECK(repo.Leftovers() == 0);
}

TEST_CASE("AC-54 others fill the slots while a model's server is down") {
  ModelRepo repo;
  repo.env()["OPENAI_API_KEY"] = "sk-test-1";
  repo.Spec(fmt::format("[{{edits: {{kinds: [number]}}}}, {{model: "
                        "openai/gpt-5, base_url: \"http://127.0.0.1:{}/v1\"}}]",
                        PortOfNobody()),
            8, "proposal: {deadline_seconds: 2, request_timeout_seconds: 2}\n");
  const Ran run = repo.Coppice("run");
  CAPTURE(run.err);
  CAPTURE(run.out);
  CHECK((run.exit == 0 || run.exit == 3));
  const json status = StatusOf(repo);
  CAPTURE(status.dump());
  CHECK(status["status"] == "finished");
  CHECK(status["current_step"] == 8);
  REQUIRE(status["arms"].size() == 2);
  for (const json& arm : status["arms"]) {
    CHECK(arm.contains("usd"));
    CHECK(arm.contains("reward"));
    if (arm["name"] != "openai/gpt-5") CHECK(arm["attempts"] == 8);
    if (arm["name"] == "openai/gpt-5") CHECK(arm["failed"] == 0);
  }
  CHECK(repo.Count("select count(*) from events where kind='answered' and "
                   "json_extract(body,'$.stop')='complete'") == 0);
  CHECK(repo.Count("select count(*) from events where kind='answered'") > 0);
}

TEST_CASE("AC-54 with every server down the run is paused, and nothing fails") {
  ModelRepo repo;
  repo.env()["OPENAI_API_KEY"] = "sk-test-1";
  repo.Spec(ModelArm("openai/gpt-5",
                     fmt::format("http://127.0.0.1:{}/v1", PortOfNobody())),
            4, "proposal: {deadline_seconds: 1, request_timeout_seconds: 1}\n");
  const pid_t pid = repo.Start("run");
  CHECK(Eventually([&] {
    return !repo.RunDir().empty() &&
           repo.Count("select count(*) from events where kind='paused'") > 0;
  }));
  const json paused = StatusOf(repo);
  CHECK(paused["status"] == "paused");
  CHECK(paused["paused"]["class"] == "outage");
  kill(pid, SIGINT);
  SleepMs(200);
  kill(pid, SIGINT);
  CHECK(TinyRepo::Wait(pid) == 130);
  CHECK(repo.Count("select count(*) from events where kind in "
                   "('rejected','committed') and attempt>0") == 0);
  CHECK(StatusOf(repo)["outcomes"].value("edit_failed", 0) == 0);
}

}  // namespace coppice
