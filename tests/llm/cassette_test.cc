#include "llm/cassette.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "base/digest.h"
#include "base/json.h"
#include "base/simulation.h"
#include "llm/cassette_entry.h"
#include "llm/http_world.h"
#include "support/fault_server.h"
#include "support/temp_dir.h"

namespace coppice::llm {
namespace {

using testing::Answering;
using testing::Chunk;
using testing::ChunkedHead;
using testing::FaultServer;
using testing::Peer;
using testing::ReadFile;
using testing::Response;
using testing::Script;
using testing::TempDir;
using testing::WriteFile;

HttpRequest Ask(const std::string& url, const std::string& body) {
  HttpRequest request = Post(url, body);
  request.headers.emplace_back("x-api-key", "sk-canary-0123456789");
  request.headers.emplace_back("anthropic-version", "2023-06-01");
  request.codec = "anthropic";
  request.model = "m";
  request.idle = milliseconds(300);
  return request;
}

std::string Redacting(std::string_view text) {
  std::string clean(text);
  const std::string secret = "sk-canary-0123456789";
  for (std::size_t at; (at = clean.find(secret)) != std::string::npos;) {
    clean.replace(at, secret.size(), "[REDACTED]");
  }
  return clean;
}

struct Run {
  std::vector<Exchange> exchanges;
  std::vector<std::string> misses;
  std::vector<std::string> unused;
};

Task<void> SendOne(Cassette& cassette, const HttpRequest& request,
                   Exchange& exchange) {
  Collector sink(exchange);
  exchange.end = co_await cassette.Send(request, sink);
}

Run Finished(asio::io_context& io, Cassette& cassette,
             const std::vector<HttpRequest>& requests, bool side_by_side) {
  Run run;
  run.exchanges.resize(requests.size());
  for (std::size_t i = 0; i < requests.size(); ++i) {
    asio::co_spawn(io, SendOne(cassette, requests[i], run.exchanges[i]),
                   asio::detached);
    if (side_by_side) continue;
    io.restart();
    io.run();
  }
  io.restart();
  io.run();
  run.misses = cassette.misses();
  run.unused = cassette.unused();
  return run;
}

Run Record(const std::filesystem::path& file,
           const std::vector<HttpRequest>& requests,
           bool side_by_side = false) {
  HttpWorld world;
  auto cassette = MakeCassette(&world.client(), world.clock(), file,
                               CassetteMode::kRecord, {.redact = Redacting});
  REQUIRE_MESSAGE(cassette.has_value(), cassette.error().Text());
  return Finished(world.io(), **cassette, requests, side_by_side);
}

Run Replay(const std::filesystem::path& file,
           const std::vector<HttpRequest>& requests,
           bool side_by_side = false) {
  asio::io_context io;
  const std::unique_ptr<Clock> clock = MakeRealClock();
  auto cassette = MakeCassette(nullptr, *clock, file, CassetteMode::kReplay,
                               {.redact = Redacting});
  REQUIRE_MESSAGE(cassette.has_value(), cassette.error().Text());
  return Finished(io, **cassette, requests, side_by_side);
}

std::vector<Json> Lines(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::vector<Json> lines;
  for (std::string line; std::getline(in, line);) {
    lines.push_back(Json::parse(line));
  }
  return lines;
}

std::string KeyOf(HttpRequest request) {
  return CassetteRequestText(request, {});
}

// The same request with its server gone.
std::vector<HttpRequest> Unreachable(std::vector<HttpRequest> requests) {
  for (HttpRequest& request : requests) {
    request.url =
        "https://elsewhere.test" + request.url.substr(request.url.find('/', 8));
    request.headers.erase(request.headers.begin() + 1);  // no key either
  }
  return requests;
}

}  // namespace

TEST_CASE("a request is known by what it asks") {
  const HttpRequest base = Ask("http://h/v1/messages", R"({"a":1,"b":[2]})");
  const std::string key = KeyOf(base);
  const auto same = [&](const std::string& url, const std::string& body) {
    return KeyOf(Ask(url, body)) == key;
  };
  CHECK(same("https://other.test:8443/v1/messages?alt=sse",
             R"({"a":1,"b":[2]})"));
  CHECK(same("http://h/v1/messages", R"({ "b" : [2.0], "a" : 1.0 })"));
  CHECK(same(
      "http://h/v1/messages",
      R"({"a":1,"b":[2],"user":"u","metadata":{},"prompt_cache_key":"k"})"));
  CHECK_FALSE(same("http://h/v1/other", R"({"a":1,"b":[2]})"));
  CHECK_FALSE(same("http://h/v1/messages", R"({"a":"1","b":[2]})"));
  CHECK_FALSE(same("http://h/v1/messages", R"({"a":1.5,"b":[2]})"));
  CHECK_FALSE(
      same("http://h/v1/messages", R"({"a":1,"b":[2],"c":{"user":1}})"));

  HttpRequest other = base;
  other.headers[1].second = "another key";
  CHECK(KeyOf(other) == key);
  other.headers[2].second = "2099-01-01";
  CHECK(KeyOf(other) != key);
  other = base;
  other.codec = "openai_chat";
  CHECK(KeyOf(other) != key);
}

TEST_CASE("what was recorded is replayed without a server and without a key") {
  const TempDir directory;
  const auto file = directory / "tape.jsonl";
  std::vector<HttpRequest> requests;
  Run recorded;
  {
    FaultServer server(
        Answering({Response(200, R"({"text":"één"})",
                            {{"Content-Type", "application/json"},
                             {"Request-Id", "req_1"},
                             {"Set-Cookie", "c=1"},
                             {"Anthropic-Ratelimit-Tokens-Remaining", "9"}}),
                   testing::SseResponse({"one", "two", "[DONE]"})}));
    requests = {Ask(server.Url("/v1/messages"), R"({"q":1})"),
                Ask(server.Url("/v1/messages"), R"({"q":2})")};
    recorded = Record(file, requests);
  }
  const Run replayed = Replay(file, Unreachable(requests));
  REQUIRE(replayed.misses.empty());
  CHECK(replayed.unused.empty());
  for (std::size_t i = 0; i < requests.size(); ++i) {
    CHECK(replayed.exchanges[i].end.fault == HttpFault::kNone);
    CHECK(replayed.exchanges[i].end.sent);
    CHECK(replayed.exchanges[i].head.status == 200);
    CHECK(replayed.exchanges[i].pieces == recorded.exchanges[i].pieces);
  }
  const HttpHeaders& headers = replayed.exchanges[0].head.headers;
  CHECK(FindHeader(headers, "request-id") == "req_1");
  CHECK(FindHeader(headers, "anthropic-ratelimit-tokens-remaining") == "9");
  CHECK_FALSE(FindHeader(headers, "set-cookie").has_value());

  const std::vector<Json> lines = Lines(file);
  REQUIRE(lines.size() == 3);
  CHECK(lines[0] == Json{{"coppice_cassette", 1}});
  CHECK(lines[1]["codec"] == "anthropic");
  CHECK(lines[1]["path"] == "/v1/messages");
  CHECK(lines[1]["end"] == "eof");
  CHECK(lines[1]["stream"] == false);
  CHECK(lines[2]["stream"] == true);
  CHECK(lines[2]["chunks"].size() == 3);
}

TEST_CASE("no key reaches the file, wherever it turns up") {
  const TempDir directory;
  const auto file = directory / "tape.jsonl";
  const std::string secret = "sk-canary-0123456789";
  FaultServer server([&secret](Peer& peer) {
    peer.ReadRequest();
    peer.Send(ChunkedHead() + Chunk("you sent " + secret.substr(0, 9)));
    peer.Pause(milliseconds(20));
    peer.Send(Chunk(secret.substr(9)) + "0\r\n\r\n");
    peer.ReadRequest();
    peer.Send(
        Response(401, "\xff binary " + secret, {{"X-Request-Id", secret}}));
    peer.Hold();
  });
  const std::vector<HttpRequest> requests{
      Ask(server.Url("/v1/messages"), R"({"q":"my key is )" + secret + "\"}"),
      Ask(server.Url("/v1/messages"), R"({"q":2})")};
  Record(file, requests);
  CHECK(ReadFile(file).find("canary") == std::string::npos);
  const std::vector<Json> lines = Lines(file);
  CHECK(lines[1]["request"]["body"]["q"] == "my key is [REDACTED]");
  CHECK(lines[1]["chunks"][0][1] == "you sent [REDACTED]");
  CHECK(lines[2]["headers"]["x-request-id"] == "[REDACTED]");

  // The request is still known, though it carries the key again.
  const Run replayed = Replay(file, requests);
  CHECK(replayed.misses.empty());
  CHECK(replayed.exchanges[1].body() == "\xff binary [REDACTED]");
}

TEST_CASE("failures are replayed as they were recorded") {
  const TempDir directory;
  const auto file = directory / "tape.jsonl";
  std::vector<HttpRequest> requests;
  Run recorded;
  {
    const Script limited = [](Peer& peer) {
      peer.ReadRequest();
      peer.Send(Response(429, R"({"error":{"type":"rate_limit_error"}})",
                         {{"Retry-After", "7"}, {"Connection", "close"}}));
    };
    const Script reset = [](Peer& peer) {
      peer.ReadRequest();
      peer.Reset();
    };
    const Script cut = [](Peer& peer) {
      peer.ReadRequest();
      peer.Send(ChunkedHead() + Chunk("data: half"));
    };
    const Script silent = [](Peer& peer) {
      peer.ReadRequest();
      peer.Send(ChunkedHead() + Chunk("data: 1\n\n"));
      peer.Hold();
    };
    const Script works = Answering({Response(200, "fine")});
    FaultServer server({limited, reset, cut, silent, works});
    requests.assign(5, Ask(server.Url("/v1/messages"), R"({"q":1})"));
    recorded = Record(file, requests);
    CHECK(server.connections() == 5);
  }
  CHECK(recorded.exchanges[0].head.status == 429);
  CHECK(recorded.exchanges[1].end.fault == HttpFault::kReset);
  CHECK(recorded.exchanges[2].end.fault == HttpFault::kTruncated);
  CHECK(recorded.exchanges[3].end.fault == HttpFault::kIdle);
  CHECK(recorded.exchanges[4].body() == "fine");

  const Run replayed = Replay(file, Unreachable(requests));
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const Exchange& before = recorded.exchanges[i];
    const Exchange& after = replayed.exchanges[i];
    CHECK(after.end.fault == before.end.fault);
    CHECK(after.end.sent == before.end.sent);
    CHECK(after.heads == before.heads);
    CHECK(after.head.status == before.head.status);
    CHECK(after.body() == before.body());
    CHECK(FindHeader(after.head.headers, "retry-after") ==
          FindHeader(before.head.headers, "retry-after"));
  }
  CHECK(Lines(file)[4]["end"] == "timeout");
}

TEST_CASE("equal requests side by side get the same answers, one by one too") {
  const TempDir directory;
  const auto file = directory / "tape.jsonl";
  std::vector<HttpRequest> requests;
  Run recorded;
  {
    // Later connections answer sooner: answers arrive out of order.
    std::vector<Script> scripts;
    for (int i = 0; i < 8; ++i) {
      scripts.push_back([i](Peer& peer) {
        peer.ReadRequest();
        peer.Pause(milliseconds(20 * (8 - i)));
        peer.Send(Response(200, std::to_string(i)));
      });
    }
    FaultServer server(scripts);
    requests.assign(8, Ask(server.Url("/v1/messages"), R"({"q":1})"));
    recorded = Record(file, requests, true);
  }
  std::set<std::string> answers;
  for (const Exchange& exchange : recorded.exchanges) {
    answers.insert(exchange.body());
  }
  REQUIRE(answers.size() == 8);
  for (const bool side_by_side : {true, false}) {
    const Run replayed = Replay(file, Unreachable(requests), side_by_side);
    CHECK(replayed.misses.empty());
    for (std::size_t i = 0; i < requests.size(); ++i) {
      CHECK(replayed.exchanges[i].body() == recorded.exchanges[i].body());
    }
  }
}

TEST_CASE("a miss names the nearest record and where it differs") {
  const TempDir directory;
  const auto file = directory / "tape.jsonl";
  FaultServer server(Answering({Response(200, "x")}));
  const std::string url = server.Url("/v1/messages");
  Record(file,
         {Ask(url, R"({"model":"m","messages":[{"text":"hello"}],"max":5})"),
          Ask(url, R"({"other":true})")});
  const std::vector<Json> lines = Lines(file);
  const std::string nearest = lines[1]["key"].get<std::string>().substr(0, 12);

  const Run run = Replay(
      file, {Ask(url, R"({"model":"m","messages":[{"text":"hallo"}],"max":5})"),
             Ask(url, R"({"other":true})"), Ask(url, R"({"other":true})")});
  CHECK(run.exchanges[0].end.fault == HttpFault::kUnsupported);
  CHECK_FALSE(run.exchanges[0].end.sent);
  CHECK(run.exchanges[0].heads == 0);
  REQUIRE(run.misses.size() == 2);
  CHECK(run.misses[0] == run.exchanges[0].end.detail);
  CHECK(run.misses[0].find(nearest) != std::string::npos);
  CHECK(run.misses[0].find("\"/body/messages/0/text\"") != std::string::npos);
  CHECK(run.misses[1].find("less often") != std::string::npos);
  REQUIRE(run.unused.size() == 1);
  CHECK(run.unused[0].find(nearest) != std::string::npos);
  CHECK(server.connections() == 1);
}

TEST_CASE("a record goes on where the file ends, past a torn last line") {
  const TempDir directory;
  const auto file = directory / "tape.jsonl";
  FaultServer server(Answering({Response(200, "first"), Response(200, "second"),
                                Response(200, "third")}));
  const HttpRequest request = Ask(server.Url("/v1/messages"), R"({"q":1})");
  Record(file, {request, request});
  const std::string whole = ReadFile(file);
  WriteFile(file, whole + R"({"key":"torn","n":)");
  Record(file, {request});
  CHECK(ReadFile(file).starts_with(whole));
  CHECK(Lines(file).size() == 4);
  const Run replayed = Replay(file, {request, request, request});
  CHECK(replayed.exchanges[0].body() == "first");
  CHECK(replayed.exchanges[2].body() == "third");
}

TEST_CASE("a file cut after any byte is replayed as far as it goes") {
  const TempDir directory;
  const auto file = directory / "tape.jsonl";
  FaultServer server(Answering({Response(200, "a"), Response(200, "b")}));
  const HttpRequest request = Ask(server.Url("/v1/messages"), R"({"q":1})");
  Record(file, {request, request});
  const std::string whole = ReadFile(file);
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    const Result<CassetteFile> cut =
        ParseCassette(whole.substr(0, size), "tape");
    REQUIRE(cut.has_value());
    const auto lines = std::count(
        whole.begin(), whole.begin() + static_cast<long>(size), '\n');
    CHECK(cut->entries.size() ==
          static_cast<std::size_t>(std::max(lines - 1, decltype(lines){0})));
  }
}

TEST_CASE("what is no cassette is refused and left alone") {
  const TempDir directory;
  const std::unique_ptr<Clock> clock = MakeRealClock();
  const auto file = directory / "tape.jsonl";
  struct Case {
    const char* text;
    const char* said;
  };
  for (const Case& one :
       {Case{"{\"coppice_cassette\":2}\n", "version"},
        Case{"{\"some\":1}\n", "first line"}, Case{"hello\n", "first line"},
        Case{"{\"coppice_cassette\":1}\n{\"key\":1}\n", ":2"},
        Case{"{\"coppice_cassette\":1}\nnot json\n", ":2"}}) {
    for (const CassetteMode mode :
         {CassetteMode::kReplay, CassetteMode::kRecord}) {
      WriteFile(file, one.text);
      const auto made = MakeCassette(nullptr, *clock, file, mode);
      REQUIRE_FALSE(made.has_value());
      CHECK(made.error().code == ErrorCode::kUsage);
      CHECK(made.error().Text().find(one.said) != std::string::npos);
      CHECK(ReadFile(file) == one.text);
    }
  }
  const auto none =
      MakeCassette(nullptr, *clock, directory / "none", CassetteMode::kReplay);
  REQUIRE_FALSE(none.has_value());
  CHECK(none.error().code == ErrorCode::kNotFound);
}

TEST_CASE("only one writer records on a cassette") {
  const TempDir directory;
  HttpWorld world;
  const auto first = MakeCassette(&world.client(), world.clock(),
                                  directory / "tape", CassetteMode::kRecord);
  REQUIRE(first.has_value());
  const auto second = MakeCassette(&world.client(), world.clock(),
                                   directory / "tape", CassetteMode::kRecord);
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().code == ErrorCode::kBusy);
}

TEST_CASE("delays are kept on request, in the clock's own time") {
  const TempDir directory;
  const auto file = directory / "tape";
  const HttpRequest request = Ask("http://h/v1/messages", R"({"q":1})");
  CassetteEntry entry{.key = "", .request = CassetteRequestText(request, {})};
  entry.head.status = 200;
  entry.chunks = {{3'600'000, "late "}, {60'000, "answer"}};
  entry.key = Sha256Hex(entry.request);
  WriteFile(file,
            std::string(kCassetteHeader) + '\n' + CassetteLine(entry, {}));
  for (const bool delays : {false, true}) {
    Simulation simulation;
    auto cassette = MakeCassette(nullptr, simulation.clock(), file,
                                 CassetteMode::kReplay, {.delays = delays});
    REQUIRE(cassette.has_value());
    Exchange exchange;
    const Instant start = simulation.clock().Now();
    simulation.Run(SendOne(**cassette, request, exchange));
    CHECK(exchange.body() == "late answer");
    CHECK(simulation.clock().Now() - start ==
          Duration(delays ? seconds(3660) : seconds(0)));
  }
}

TEST_CASE("a cancelled replay answers nothing more") {
  const TempDir directory;
  const auto file = directory / "tape";
  FaultServer server(Answering({Response(200, "a")}));
  const HttpRequest request = Ask(server.Url("/v1/messages"), R"({"q":1})");
  Record(file, {request});
  HttpWorld world;
  auto cassette =
      MakeCassette(nullptr, world.clock(), file, CassetteMode::kReplay);
  REQUIRE(cassette.has_value());
  (*cassette)->CancelAll();
  const Run run = Finished(world.io(), **cassette, {request}, false);
  CHECK(run.exchanges[0].end.fault == HttpFault::kCancelled);
  CHECK(run.exchanges[0].heads == 0);
}

}  // namespace coppice::llm
