#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>

#include "app/model_world.h"
#include "support/fault_server.h"

// What answers are worth once they are on record: a run made again from its
// journal, and searches played from a cassette, without a server, a key or a
// connection.

namespace coppice {
namespace {

using testing::AiMock;
using testing::FaultServer;
using testing::Peer;
using testing::Ran;
using testing::SkippedWithoutAiMock;

constexpr const char* kTrees =
    "select attempt, json_extract(body,'$.tree') from events where "
    "kind='committed' order by attempt";
constexpr const char* kCommits =
    "select attempt, json_extract(body,'$.commit') from events where "
    "kind='committed' order by attempt";
// What each attempt got, and what was made of it.
constexpr const char* kAnswers =
    "select json_extract(a.body,'$.text'), json_extract(c.body,'$.tree') "
    "from events q join events a on a.kind='answered' and a.attempt=q.attempt "
    "join events c on c.kind='committed' and c.attempt=q.attempt "
    "where q.kind='asked' order by q.attempt";
// All that became of a run, in its order: who was asked what, what came of it.
constexpr const char* kHistory =
    "select kind, attempt, json_extract(body,'$.op'), "
    "json_extract(body,'$.parents'), json_extract(body,'$.turn'), "
    "json_extract(body,'$.prompt'), json_extract(body,'$.stop'), "
    "json_extract(body,'$.text'), json_extract(body,'$.tree'), "
    "json_extract(body,'$.outcome'), json_extract(body,'$.value') "
    "from events where attempt>0 and kind<>'sampled' order by seq";

// Ids of runs tell the second: another run of the same second might sort
// before this one.
void NextSecond(ModelRepo& repo) { testing::Shell("sleep 1.1", repo.path()); }

// A server that nobody may connect to, and no key.
void Unplug(ModelRepo& repo, const FaultServer& nobody) {
  repo.env()["OPENAI_API_KEY"] = "";
  repo.env()["OPENAI_BASE_URL"] = nobody.Url("/v1");
}

// Answers `count` requests once all of them have come, the last one first.
testing::Script LastComeFirst(int count) {
  struct Crowd {
    std::mutex mutex;
    std::condition_variable news;
    int come = 0;
    int answered = 0;
  };
  auto crowd = std::make_shared<Crowd>();
  return [crowd, count](Peer& peer) {
    peer.ReadRequest();
    std::unique_lock lock(crowd->mutex);
    const int place = crowd->come++;
    crowd->news.notify_all();
    auto turn = [&] {
      return crowd->come >= count && crowd->answered == count - 1 - place;
    };
    crowd->news.wait_for(lock, std::chrono::seconds(30), turn);
    peer.Send(testing::SseResponse(ChatEvents(WholeAnswer(90 - place))));
    ++crowd->answered;
    crowd->news.notify_all();
  };
}

}  // namespace

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
    "PC-55 a linear search plays from its cassette, attempt for attempt, with "
    "no key and no connection") {
  if (SkippedWithoutAiMock()) return;
  // Better; a block that fails, and its repair; worse; known; better.
  auto mock = std::make_unique<AiMock>(
      Fixtures({WholeAnswer(99), BlockAnswer(999, 1), BlockAnswer(99, 97),
                WholeAnswer(120), WholeAnswer(99), WholeAnswer(90)}));
  ModelRepo repo;
  repo.env()["OPENAI_API_KEY"] = "sk-test-1";
  repo.env()["OPENAI_BASE_URL"] = mock->url() + "/v1";
  // Without a limit of hours, for a prompt tells the time that is left.
  repo.Spec(ModelArm("openai/gpt-5", ""), 5,
            "search: {policy: linear}\n"
            "budget: {max_nodes: 5, plateau_nodes: null, max_hours: null}\n");
  const Ran run =
      repo.Coppice("--cassette tape.jsonl --cassette-mode record run");
  CAPTURE(run.err);
  CAPTURE(run.out);
  CHECK(run.exit == 0);
  CHECK(mock->Journal().size() == 6);
  CHECK(repo.Sql("select group_concat(json_extract(body,'$.outcome')) from "
                 "(select body from events where attempt>0 and kind in "
                 "('evaluated','rejected') order by attempt)") ==
        "improved,improved,valid,duplicate,improved");
  const std::string id = repo.RunDir().filename();
  const std::string history = repo.Sql(kHistory);
  const std::string commits = repo.Sql(kCommits);
  mock.reset();

  const FaultServer nobody(testing::Answering({testing::Response(500, "")}));
  Unplug(repo, nobody);
  NextSecond(repo);
  const Ran again =
      repo.Coppice("--cassette tape.jsonl --cassette-mode replay run");
  CAPTURE(again.err);
  CAPTURE(again.out);
  CHECK(again.exit == 0);
  CHECK_FALSE(Says(again, "never asked for"));
  CHECK(repo.RunDir().filename() != id);
  CHECK(repo.Sql(kHistory) == history);
  // A commit names its run, so its id comes back where the run does.
  NextSecond(repo);
  const Ran same = repo.Coppice("run --replay " + id);
  CAPTURE(same.err);
  CHECK(same.exit == 0);
  CHECK(repo.Sql(kCommits) == commits);
  CHECK(nobody.connections() == 0);
}

TEST_CASE(
    "PC-58 eight identical prompts side by side get the same answers "
    "again, attempt for attempt, with one worker and with eight") {
  constexpr int kAttempts = 8;
  ModelRepo repo;
  repo.Spec(ModelArm("openai/gpt-5", ""), kAttempts,
            "parallel: {evaluations: 8, requests: 8}\n");
  {
    const FaultServer server(LastComeFirst(kAttempts));
    repo.env()["OPENAI_API_KEY"] = "sk-test-1";
    repo.env()["OPENAI_BASE_URL"] = server.Url("/v1");
    const Ran run =
        repo.Coppice("--cassette tape.jsonl --cassette-mode record run");
    CAPTURE(run.err);
    CAPTURE(run.out);
    REQUIRE(run.exit == 0);
    CHECK(server.requests().size() == kAttempts);
  }
  // All were asked before the first was answered, and asked the same.
  CHECK(repo.Count("select count(*) from events where kind='asked' and seq < "
                   "(select min(seq) from events where kind='answered')") ==
        kAttempts);
  CHECK(repo.Count("select count(distinct json_extract(body,'$.prompt')) from "
                   "events where kind='asked'") == 1);
  CHECK(repo.Count("select count(distinct json_extract(body,'$.tree')) from "
                   "events where kind='committed' and attempt>0") == kAttempts);
  const std::string id = repo.RunDir().filename();
  const std::string answers = repo.Sql(kAnswers);
  const std::string commits = repo.Sql(kCommits);
  CHECK(std::ranges::count(answers, '\n') == kAttempts - 1);

  const FaultServer nobody(testing::Answering({testing::Response(500, "")}));
  Unplug(repo, nobody);
  for (const int workers : {1, 8}) {
    CAPTURE(workers);
    NextSecond(repo);
    const Ran again = repo.Coppice(
        fmt::format("--cassette tape.jsonl --cassette-mode replay run --set "
                    "parallel.evaluations={0} --set parallel.requests={0}",
                    workers));
    CAPTURE(again.err);
    CAPTURE(again.out);
    CHECK(again.exit == 0);
    CHECK_FALSE(Says(again, "never asked for"));
    CHECK(repo.Sql(kAnswers) == answers);
  }
  NextSecond(repo);
  const Ran same = repo.Coppice("run --replay " + id);
  CAPTURE(same.err);
  CHECK(same.exit == 0);
  CHECK(repo.Sql(kCommits) == commits);
  CHECK(nobody.connections() == 0);
}

TEST_CASE(
    "PC-57 refusals and cut streams are played from a cassette as they were") {
  const std::vector<std::string> events = ChatEvents(WholeAnswer(90));
  const std::string limited = testing::Response(
      429, R"({"error":{"message":"slow down","code":"rate_limit_exceeded"}})",
      {{"Content-Type", "application/json"}, {"Retry-After", "0"}});
  auto refuse_then_cut = [&](testing::Peer& peer) {
    peer.ReadRequest();
    peer.Send(limited);
    peer.ReadRequest();
    peer.Send(testing::ChunkedHead() +
              testing::Chunk("data: " + events[0] + "\n\n"));
    peer.Close();
  };
  auto server = std::make_unique<FaultServer>(std::vector<testing::Script>{
      refuse_then_cut, testing::Answering({testing::SseResponse(events)})});
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
