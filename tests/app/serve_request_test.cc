#include "app/serve_request.h"

#include <doctest/doctest.h>

#include "base/rng.h"

namespace coppice::app {
namespace {

using State = ServeRequestReader::State;
using Kind = ServeRoute::Kind;

const std::string kToken = "0123456789abcdef0123456789abcdef";
const ServeDoor kDoor{.token = kToken, .port = 4711};

ServeRequest Get(std::string target) {
  return {.method = "GET",
          .target = std::move(target),
          .host = "127.0.0.1:4711",
          .last_event_id = ""};
}

ServeRoute Route(const std::string& rest) {
  return RouteOf(Get("/" + kToken + "/" + rest), kDoor);
}

constexpr const char* kHead =
    "GET /x/events?since=3 HTTP/1.1\r\n"
    "Host: localhost:4711\r\n"
    "last-event-id: 42\r\n"
    "Accept: text/event-stream\r\n\r\n";

}  // namespace

TEST_CASE("a request is read from bytes in any pieces") {
  const std::string head = kHead;
  for (std::size_t cut = 0; cut <= head.size(); ++cut) {
    ServeRequestReader reader;
    State state = reader.Feed(head.substr(0, cut));
    if (state == State::kMore) state = reader.Feed(head.substr(cut));
    CAPTURE(cut);
    REQUIRE(state == State::kDone);
    CHECK(reader.request().method == "GET");
    CHECK(reader.request().target == "/x/events?since=3");
    CHECK(reader.request().host == "localhost:4711");
    CHECK(reader.request().last_event_id == "42");
  }
}

TEST_CASE("a request without an end, without sense or with a body is refused") {
  ServeRequestReader endless;
  State state = State::kMore;
  std::size_t fed = 0;
  while (state == State::kMore && fed < (1U << 20)) {
    state =
        endless.Feed(fed == 0 ? "GET / HTTP/1.1\r\nX: " : "aaaaaaaaaaaaaaaa");
    fed += 16;
  }
  CHECK(state == State::kTooLarge);
  CHECK(fed < 40'000);

  ServeRequestReader nonsense;
  CHECK(nonsense.Feed("\x16\x03\x01 hello\r\n\r\n") == State::kMalformed);
  ServeRequestReader body;
  CHECK(body.Feed("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n") !=
        State::kDone);
}

TEST_CASE("no bytes make the reader of requests crash or wait for ever") {
  Rng rng(7);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes = kHead;
    for (int i = 0; i < 3; ++i) {
      bytes[rng.Below(bytes.size())] = static_cast<char>(rng.Below(256));
    }
    ServeRequestReader reader;
    State state = State::kMore;
    for (std::size_t at = 0; at < bytes.size() && state == State::kMore;) {
      const std::size_t count = 1 + rng.Below(40);
      state = reader.Feed(std::string_view(bytes).substr(at, count));
      at += count;
    }
    if (state == State::kDone) RouteOf(reader.request(), kDoor);
  }
}

TEST_CASE("only the whole token opens, and only GET goes through") {
  CHECK(Route("").kind == Kind::kPage);
  CHECK(Route("data").kind == Kind::kData);
  CHECK(Route("node/12").kind == Kind::kNode);
  CHECK(Route("node/12").number == 12);
  for (const char* wrong : {"node/", "node/-1", "node/1x", "node/../../etc",
                            "node/99999999999999999999", "Data", "data/", "../",
                            "%2e%2e/", "journal.db"}) {
    CAPTURE(wrong);
    CHECK(Route(wrong).kind == Kind::kRefused);
    CHECK(Route(wrong).status == 404);
  }
  for (const std::string& target :
       {std::string("/"), std::string("//"), std::string(""), "/" + kToken,
        "/" + kToken.substr(1) + "/", "/" + kToken + kToken + "/",
        "/" + kToken + "0/", "/" + std::string(32, '0') + "/",
        "http://127.0.0.1/" + kToken + "/"}) {
    CAPTURE(target);
    const ServeRoute route = RouteOf(Get(target), kDoor);
    CHECK(route.kind == Kind::kRefused);
    CHECK(route.status == 404);
  }
  for (const char* method : {"POST", "PUT", "DELETE", "HEAD", "OPTIONS"}) {
    ServeRequest request = Get("/" + kToken + "/");
    request.method = method;
    CHECK(RouteOf(request, kDoor).status == 405);
  }
}

TEST_CASE("a page elsewhere whose name points here is refused") {
  for (const char* host :
       {"evil.example", "evil.example:4711", "127.0.0.1", "127.0.0.1:80",
        "localhost.evil.example:4711", "127.0.0.1:4711.evil.example", ""}) {
    ServeRequest request = Get("/" + kToken + "/");
    request.host = host;
    CAPTURE(host);
    CHECK(RouteOf(request, kDoor).status == 403);
  }
  ServeRequest local = Get("/" + kToken + "/");
  local.host = "localhost:4711";
  CHECK(RouteOf(local, kDoor).kind == Kind::kPage);
  local.host = "127.0.0.1";
  CHECK(RouteOf(local, {.token = kToken, .port = 80}).kind == Kind::kPage);
}

TEST_CASE("what a browser saw last outlives the address it began with") {
  ServeRequest request = Get("/" + kToken + "/events?since=7");
  CHECK(RouteOf(request, kDoor).kind == Kind::kEvents);
  CHECK(RouteOf(request, kDoor).number == 7);
  request.last_event_id = "42";
  CHECK(RouteOf(request, kDoor).number == 42);
  request.last_event_id = "4x";
  CHECK(RouteOf(request, kDoor).number == 7);
  CHECK(Route("events").number == 0);
}

TEST_CASE("an answer keeps its content to itself") {
  const std::string head = ServeHead(200, "text/html", 5);
  for (const char* line :
       {"HTTP/1.1 200 OK\r\n", "Content-Length: 5\r\n",
        "Cache-Control: no-store\r\n", "X-Content-Type-Options: nosniff\r\n",
        "frame-ancestors 'none'"}) {
    CHECK(head.find(line) != std::string::npos);
  }
  CHECK(head.ends_with("\r\n\r\n"));
  CHECK(ServeHead(405, "text/plain", 0).find("Allow: GET\r\n") !=
        std::string::npos);
  CHECK(ServeHead(200, "text/event-stream", std::nullopt)
            .find("Content-Length") == std::string::npos);
}

}  // namespace coppice::app
