#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>

#include "app/model_world.h"
#include "support/external_server.h"
#include "support/fault_server.h"

// Whole runs whose model servers refuse, leak and die, or whose own process
// does: what the run makes of it, and how often the server was asked.

namespace coppice {
namespace {

using nlohmann::json;
using testing::AiMock;
using testing::FaultServer;
using testing::Peer;
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

// Takes requests and never ends an answer: the first gets no byte, the others
// get the beginning of a stream.
class Stalling {
 public:
  using Time = std::chrono::steady_clock::time_point;

  const FaultServer& server() const { return server_; }
  int begun() const { return begun_; }
  // Calls that the client broke off, and when the last one was.
  int ended() const { return ended_; }
  Time last_end() const { return last_end_; }

 private:
  void Serve(Peer& peer) {
    peer.ReadRequest();
    struct Leave {
      Stalling& self;
      ~Leave() {
        self.last_end_ = std::chrono::steady_clock::now();
        ++self.ended_;
      }
    } const leave{*this};
    const std::string first = ChatEvents(WholeAnswer(90)).front();
    if (peer.connection() > 0) {
      peer.Send(testing::ChunkedHead() +
                testing::Chunk("data: " + first + "\n\n"));
    }
    ++begun_;
    peer.Hold();
  }

  std::atomic<int> begun_ = 0;
  std::atomic<int> ended_ = 0;
  std::atomic<Time> last_end_ = Time();
  const FaultServer server_{[this](Peer& peer) { Serve(peer); }};
};

// The ends of chat completions, one for each cost.
std::vector<std::string> Streams(std::initializer_list<int> costs) {
  std::vector<std::string> streams;
  for (const int cost : costs) {
    streams.push_back(testing::SseResponse(ChatEvents(WholeAnswer(cost))));
  }
  return streams;
}

constexpr const char* kThreeAtOnce =
    "parallel: {evaluations: 1, requests: 3}\n";

int PortOfNobody() {
  const FaultServer server([](testing::Peer&) {});
  return server.port();
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
    const json paused = repo.Status();
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
    CHECK(repo.Status()["outcomes"]["improved"] == 2);
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
  const json status = repo.Status();
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
  const json paused = repo.Status();
  CHECK(paused["status"] == "paused");
  CHECK(paused["paused"]["class"] == "outage");
  kill(pid, SIGINT);
  SleepMs(200);
  kill(pid, SIGINT);
  CHECK(TinyRepo::Wait(pid) == 130);
  CHECK(repo.Count("select count(*) from events where kind in "
                   "('rejected','committed') and attempt>0") == 0);
  CHECK(repo.Status()["outcomes"].value("edit_failed", 0) == 0);
}

TEST_CASE(
    "PC-31 a prompt that nginx finds too large is cut twice, then the attempt "
    "ends and the run goes on") {
  if (SkippedWithoutAiMock() || !testing::HasPrograms({"nginx"})) return;
  const AiMock mock(Fixtures(
      {BlockAnswer(100, 90), BlockAnswer(90, 80), BlockAnswer(80, 70)}));
  const testing::TempDir directory;
  const auto log = directory / "access.log";
  const std::string pass =
      fmt::format("proxy_pass http://127.0.0.1:{}/; }}\n", mock.port());
  const testing::ExternalServer nginx = testing::StartNginx(
      directory.path(),
      "log_format sizes '$uri $status $content_length';\n"
      "server { listen 127.0.0.1:{port}; access_log " +
          log.string() +
          " sizes;\n"
          "location /narrow/ { client_max_body_size 40k; " +
          pass + "location /shut/ { client_max_body_size 1k; " + pass + "}");
  ModelRepo repo;
  std::string text = "cost 100\n";
  while (text.size() < 60'000) text += std::string(999, 'x') + '\n';
  repo.Write("app.txt", text);
  auto arm = [&](const std::string& name) {
    return fmt::format(
        "{{model: local/{0}, base_url: \"http://127.0.0.1:{1}/{0}/v1\", "
        "price: {{input: 1, output: 1}}}}",
        name, nginx.port());
  };
  repo.Spec(fmt::format("[{}, {}]", arm("shut"), arm("narrow")), 4,
            "search: {policy: linear}\n");
  const Ran run = repo.Coppice("run");
  CAPTURE(run.err);
  CAPTURE(run.out);
  CHECK(run.exit == 0);
  CHECK(repo.Status()["current_step"] == 4);

  // What nginx saw is what is on record: three requests an attempt, each
  // smaller than the one before.
  std::istringstream seen(testing::ReadFile(log));
  std::string uri;
  std::size_t refused = 0, taken = 0;
  for (int status = 0, size = 0, last = 0; seen >> uri >> status >> size;) {
    CAPTURE(uri);
    CAPTURE(size);
    const std::size_t turn = (refused + taken) % 3;
    if (turn > 0) CHECK(size < last);
    last = size;
    const bool passes = turn == 2 && uri.starts_with("/narrow/");
    CHECK(status == (passes ? 200 : 413));
    ++(status == 200 ? taken : refused);
  }
  CHECK(refused + taken == 4 * 3);
  CHECK(mock.Journal().size() == taken);
  CHECK(taken >= 1);
  auto count = [&](const std::string& where) {
    return repo.Count("select count(*) from events where " + where);
  };
  const int failed = 4 - static_cast<int>(taken);
  CHECK(failed >= 1);
  CHECK(count("kind='asked'") == 4 * 3);
  CHECK(count("kind='answered' and json_extract(body,'$.usd')=0 and "
              "json_extract(body,'$.stop')='failed: too_large'") ==
        static_cast<int>(refused));
  CHECK(count("kind='rejected' and json_extract(body,'$.reason')='context' "
              "and json_extract(body,'$.outcome')='edit_failed'") == failed);
  CHECK(count("kind='committed' and attempt>0") == static_cast<int>(taken));
}

TEST_CASE(
    "PC-44 SIGTERM, or a second SIGINT, breaks calls off within a second; each "
    "is charged at its reservation and made again by a resume") {
  struct Stop {
    std::vector<int> signals;
    int exit;
  };
  for (const Stop& stop : {Stop{{SIGTERM}, 143}, Stop{{SIGINT, SIGINT}, 130}}) {
    CAPTURE(stop.exit);
    const Stalling stalling;
    ModelRepo repo;
    repo.env()["OPENAI_API_KEY"] = "sk-test-1";
    repo.env()["OPENAI_BASE_URL"] = stalling.server().Url("/v1");
    repo.Spec(ModelArm("openai/gpt-5", ""), 4, kThreeAtOnce);
    const pid_t pid = repo.Start("run");
    CHECK(Eventually([&] { return stalling.begun() == 3; }));
    for (std::size_t i = 0; i + 1 < stop.signals.size(); ++i) {
      kill(pid, stop.signals[i]);
      SleepMs(500);
      CHECK(stalling.ended() == 0);  // they are paid for
    }
    const auto before = std::chrono::steady_clock::now();
    kill(pid, stop.signals.back());
    CHECK(TinyRepo::Wait(pid) == stop.exit);
    CHECK(Eventually([&] { return stalling.ended() == 3; }));
    CHECK(stalling.last_end() - before < std::chrono::seconds(1));
    CHECK(stalling.server().requests().size() == 3);

    const std::string answered =
        "select count(*), sum(json_extract(body,'$.usd')) from events where "
        "kind='answered' and json_extract(body,'$.stop')='failed: cancelled'";
    CHECK(repo.Sql(answered) ==
          repo.Sql("select 3, sum(json_extract(body,'$.reserve_usd')) from "
                   "events where kind='asked'"));
    CHECK(repo.Count("select count(*) from events where kind in "
                     "('rejected','committed') and attempt>0") == 0);
    CHECK(repo.Count("select json_extract(body,'$.exit') from events where "
                     "kind='stopped'") == stop.exit);
    const json stopped = repo.Status();
    CAPTURE(stopped.dump());
    const double lost = stopped["cost"]["spent"];
    CHECK(lost > 0);
    CHECK(stopped["cost"]["reserved"] == 0);
    CHECK(repo.Leftovers() == 0);

    const FaultServer good(testing::Answering(Streams({90, 80, 70, 60})));
    repo.env()["OPENAI_BASE_URL"] = good.Url("/v1");
    const Ran resumed = repo.Coppice("resume");
    CAPTURE(resumed.err);
    CAPTURE(resumed.out);
    CHECK(resumed.exit == 0);
    CHECK(good.requests().size() == 4);
    CHECK(repo.Sql("select count(*), count(distinct attempt) from events where "
                   "kind='committed' and attempt>0") == "4|4");
    CHECK(repo.Status()["best_metric"] == 60);
    CHECK(repo.Status()["cost"]["spent"].get<double>() > lost);
    CHECK(repo.Coppice("replay " + repo.RunDir().filename().string()).exit ==
          0);
  }
}

TEST_CASE(
    "PC-44 after one SIGINT the answers under way are taken, and nothing is "
    "asked any more") {
  std::atomic<int> begun = 0;
  std::atomic<bool> go_on = false;
  const FaultServer server([&](Peer& peer) {
    peer.ReadRequest();
    const auto events = ChatEvents(WholeAnswer(90 - peer.connection()));
    peer.Send(testing::ChunkedHead());
    ++begun;
    while (!go_on) peer.Pause(std::chrono::milliseconds(10));
    for (const std::string& event : events) {
      peer.Send(testing::Chunk("data: " + event + "\n\n"));
    }
    peer.Send(testing::kLastChunk);
    peer.ReadRequest();  // there is none
  });
  ModelRepo repo;
  repo.env()["OPENAI_API_KEY"] = "sk-test-1";
  repo.env()["OPENAI_BASE_URL"] = server.Url("/v1");
  repo.Spec(ModelArm("openai/gpt-5", ""), 4, kThreeAtOnce);
  const pid_t pid = repo.Start("run");
  CHECK(Eventually([&] { return begun == 3; }));
  kill(pid, SIGINT);
  SleepMs(300);
  go_on = true;
  CHECK(TinyRepo::Wait(pid) == 130);
  CHECK(server.requests().size() == 3);
  CHECK(
      repo.Sql("select count(*), count(distinct attempt) from events where "
               "kind='answered' and json_extract(body,'$.stop')='complete'") ==
      "3|3");
  CHECK(repo.Count("select count(distinct attempt) from events where "
                   "kind='evaluated' and attempt>0") == 3);
  CHECK(repo.Status()["cost"]["reserved"] == 0);

  const FaultServer good(testing::Answering(Streams({60})));
  repo.env()["OPENAI_BASE_URL"] = good.Url("/v1");
  const Ran resumed = repo.Coppice("resume");
  CAPTURE(resumed.err);
  CHECK(resumed.exit == 0);
  CHECK(good.requests().size() == 1);
  CHECK(repo.Status()["best_metric"] == 60);
}

}  // namespace coppice
