#include <doctest/doctest.h>

#include <optional>

#include "llm/http_world.h"
#include "support/fault_server.h"

// Connections as they are made, kept, lost and made again.

namespace coppice::llm {
namespace {

using testing::Answering;
using testing::FaultServer;
using testing::Peer;
using testing::Response;
using testing::Script;

const Script kNeverUsed = [](Peer&) {};

}  // namespace

TEST_CASE("a request arrives whole and its answer comes back") {
  FaultServer server(Answering({Response(200, "{\"ok\":true}")}));
  HttpWorld world;
  HttpRequest request = Post(server.Url("/v1/messages?beta=1"), "{\"a\":1}");
  request.headers.emplace_back("X-Api-Key", "k");

  const Exchange exchange = world.Send(request);

  CHECK(exchange.end.fault == HttpFault::kNone);
  CHECK(exchange.end.sent);
  CHECK(exchange.heads == 1);
  CHECK(exchange.head.status == 200);
  CHECK(FindHeader(exchange.head.headers, "content-type") ==
        "application/json");
  CHECK(exchange.body() == "{\"ok\":true}");
  REQUIRE(server.requests().size() == 1);
  const testing::SeenRequest seen = server.requests()[0];
  CHECK(seen.method == "POST");
  CHECK(seen.target == "/v1/messages?beta=1");
  CHECK(seen.body == "{\"a\":1}");
  CHECK(seen.Header("x-api-key") == "k");
  CHECK(seen.Header("host") == server.Url("").substr(7));
  CHECK(seen.Header("content-length") == "7");
}

TEST_CASE("a GET without a body says nothing of its length") {
  FaultServer server(Answering({Response(200, "{}")}));
  HttpWorld world;
  HttpRequest request = Post(server.Url("/api/version"), "");
  request.method = "GET";
  CHECK(world.Send(request).end.fault == HttpFault::kNone);
  CHECK(server.requests()[0].Header("content-length").empty());
}

TEST_CASE("what the client adds itself is not sent twice") {
  FaultServer server(Answering({Response(200, "{}")}));
  HttpWorld world;
  HttpRequest request = Post(server.Url());
  request.headers.emplace_back("host", "elsewhere.test");
  request.headers.emplace_back("Content-Length", "9999");
  request.headers.emplace_back("Transfer-Encoding", "chunked");
  CHECK(world.Send(request).end.fault == HttpFault::kNone);
  const std::string head = server.requests()[0].head;
  CHECK(head.find("elsewhere") == std::string::npos);
  CHECK(head.find("9999") == std::string::npos);
  CHECK(head.find("chunked") == std::string::npos);
}

TEST_CASE("a header that would start another line is refused unsent") {
  FaultServer server(kNeverUsed);
  HttpWorld world;
  HttpRequest request = Post(server.Url());
  request.headers.emplace_back("X-Note", "a\r\nX-Evil: secret");
  const Exchange exchange = world.Send(request);
  CHECK(exchange.end.fault == HttpFault::kUnsupported);
  CHECK(exchange.end.detail.find("secret") == std::string::npos);
  CHECK_FALSE(exchange.end.sent);
  CHECK(server.connections() == 0);
}

TEST_CASE("requests in a row share one connection") {
  FaultServer server(Answering({Response(200, "1"), Response(200, "2")}));
  HttpWorld world;
  CHECK(world.Send(Post(server.Url())).body() == "1");
  CHECK(world.Send(Post(server.Url())).body() == "2");
  CHECK(world.Send(Post(server.Url())).body() == "2");
  CHECK(server.connections() == 1);
}

TEST_CASE("requests side by side have a connection each") {
  FaultServer server(Answering({Response(200, "1")}));
  HttpWorld world;
  const std::vector<HttpRequest> requests(5, Post(server.Url()));
  for (const Exchange& exchange : world.SendAll(requests)) {
    CHECK(exchange.end.fault == HttpFault::kNone);
  }
  CHECK(server.connections() == 5);
}

TEST_CASE("no more connections are parked than allowed") {
  FaultServer server(Answering({Response(200, "1")}));
  HttpWorld world({.parked_per_origin = 2});
  const std::vector<HttpRequest> requests(5, Post(server.Url()));
  world.SendAll(requests);
  world.SendAll(requests);
  CHECK(server.connections() == 8);
}

TEST_CASE("a connection is not parked for longer than allowed") {
  FaultServer server(Answering({Response(200, "1")}));
  HttpWorld world({.park = milliseconds(50)});
  world.Send(Post(server.Url()));
  world.RunFor(milliseconds(80));
  world.Send(Post(server.Url()));
  CHECK(server.connections() == 2);
}

TEST_CASE("Connection: close is obeyed") {
  FaultServer server(
      Answering({Response(200, "1", {{"Connection", "close"}})}));
  HttpWorld world;
  world.Send(Post(server.Url()));
  CHECK(world.Send(Post(server.Url())).end.fault == HttpFault::kNone);
  CHECK(server.connections() == 2);
}

TEST_CASE("bytes after a response make its connection unfit for another") {
  FaultServer server({[](Peer& peer) {
                        peer.ReadRequest();
                        peer.Send(Response(200, "1") + "HTTP/1.1 200 OK\r\n");
                        peer.Hold();
                      },
                      Answering({Response(200, "2")})});
  HttpWorld world;
  CHECK(world.Send(Post(server.Url())).body() == "1");
  CHECK(world.Send(Post(server.Url())).body() == "2");
}

TEST_CASE("a connection closed while parked is replaced without a word") {
  // What aimock does after 5 s, and F06.
  FaultServer server({[](Peer& peer) {
                        peer.ReadRequest();
                        peer.Send(Response(200, "1"));
                      },
                      Answering({Response(200, "2")})});
  HttpWorld world;
  CHECK(world.Send(Post(server.Url())).body() == "1");
  world.RunFor(milliseconds(50));
  const Exchange second = world.Send(Post(server.Url()));
  CHECK(second.end.fault == HttpFault::kNone);
  CHECK(second.body() == "2");
  CHECK(server.requests().size() == 2);
  CHECK(server.connections() == 2);
}

TEST_CASE("a parked connection that dies under a request is replaced once") {
  const Script dies_at_second = [](Peer& peer) {
    peer.ReadRequest();
    peer.Send(Response(200, "1"));
    peer.ReadRequest();
    peer.Reset();
  };
  SUBCASE("by one that works") {
    FaultServer server({dies_at_second, Answering({Response(200, "2")})});
    HttpWorld world;
    CHECK(world.Send(Post(server.Url())).body() == "1");
    const Exchange second = world.Send(Post(server.Url(), "{\"second\":1}"));
    CHECK(second.end.fault == HttpFault::kNone);
    CHECK(second.body() == "2");
    REQUIRE(server.requests().size() == 3);
    CHECK(server.requests()[2].body == "{\"second\":1}");
  }
  SUBCASE("and a fresh one that dies too is told") {
    FaultServer server({dies_at_second, [](Peer& peer) {
                          peer.ReadRequest();
                          peer.Reset();
                        }});
    HttpWorld world;
    world.Send(Post(server.Url()));
    const Exchange second = world.Send(Post(server.Url()));
    CHECK(second.end.fault == HttpFault::kReset);
    CHECK(second.end.sent);
    CHECK(server.requests().size() == 3);
  }
}

TEST_CASE("what went out on a connection that died counts as sent") {
  std::optional<FaultServer> server(std::in_place, [](Peer& peer) {
    peer.ReadRequest();
    peer.Send(Response(200, "1"));
    peer.ReadRequest();
    peer.Hold();
  });
  HttpWorld world;
  const HttpRequest request = Post(server->Url());
  world.Send(request);
  Exchange second;
  world.Start(request, second);
  CHECK(world.RunUntil([&server] { return server->requests().size() == 2; }));
  server.reset();
  world.Run();
  CHECK(second.end.fault == HttpFault::kConnect);
  CHECK(second.end.sent);
}

TEST_CASE("a parked connection that answers in part is not asked again") {
  FaultServer server([](Peer& peer) {
    peer.ReadRequest();
    peer.Send(Response(200, "1"));
    peer.ReadRequest();
    peer.Send("HTTP/1.1 200");
    peer.Pause(milliseconds(50));
    peer.Reset();
  });
  HttpWorld world;
  world.Send(Post(server.Url()));
  CHECK(world.Send(Post(server.Url())).end.fault == HttpFault::kReset);
  CHECK(server.requests().size() == 2);
}

TEST_CASE("a connection lost before, in and after the head is a reset") {
  SUBCASE("at once") {
    FaultServer server([](Peer& peer) { peer.Reset(); });
    HttpWorld world;
    CHECK(world.Send(Post(server.Url())).end.fault == HttpFault::kReset);
    CHECK(server.connections() == 1);
  }
  SUBCASE("in order, without an answer") {
    FaultServer server([](Peer& peer) { peer.ReadRequest(); });
    HttpWorld world;
    const Exchange exchange = world.Send(Post(server.Url()));
    CHECK(exchange.end.fault == HttpFault::kReset);
    CHECK(exchange.end.sent);
    CHECK(server.connections() == 1);
  }
  SUBCASE("within the header") {
    FaultServer server([](Peer& peer) {
      peer.ReadRequest();
      peer.Send("HTTP/1.1 200 OK\r\nContent-Ty");
      peer.Pause(milliseconds(50));
      peer.Reset();
    });
    HttpWorld world;
    CHECK(world.Send(Post(server.Url())).end.fault == HttpFault::kReset);
  }
  SUBCASE("within the body") {
    FaultServer server([](Peer& peer) {
      peer.ReadRequest();
      peer.Send(testing::ChunkedHead() + testing::Chunk("data: 1\n\n"));
      peer.Pause(milliseconds(50));
      peer.Reset();
    });
    HttpWorld world;
    const Exchange exchange = world.Send(Post(server.Url()));
    CHECK(exchange.end.fault == HttpFault::kReset);
    CHECK(exchange.head.status == 200);
    CHECK(exchange.body() == "data: 1\n\n");
  }
}

TEST_CASE("an answer before the request was read is still found") {
  FaultServer server([](Peer& peer) {
    peer.Send(Response(413, "too much", {{"Connection", "close"}}));
    peer.Pause(milliseconds(300));
  });
  HttpWorld world;
  const Exchange exchange =
      world.Send(Post(server.Url(), std::string(std::size_t{32} << 20, 'x')));
  CHECK(exchange.end.fault == HttpFault::kNone);
  CHECK(exchange.head.status == 413);
  CHECK_FALSE(exchange.end.sent);
}

TEST_CASE("a redirect is an answer and is never followed") {
  FaultServer other(kNeverUsed);
  FaultServer server(
      Answering({Response(302, "", {{"Location", other.Url()}})}));
  HttpWorld world;
  const Exchange exchange = world.Send(Post(server.Url()));
  CHECK(exchange.end.fault == HttpFault::kNone);
  CHECK(exchange.head.status == 302);
  CHECK(server.requests().size() == 1);
  CHECK(other.connections() == 0);
}

TEST_CASE("nobody listening is a failure to connect") {
  std::string url;
  {
    FaultServer gone(kNeverUsed);
    url = gone.Url();
  }
  HttpWorld world;
  const Exchange exchange = world.Send(Post(url));
  CHECK(exchange.end.fault == HttpFault::kConnect);
  CHECK_FALSE(exchange.end.sent);
  CHECK(exchange.end.detail.find("refused") != std::string::npos);
}

TEST_CASE("URLs that cannot be used are refused before connecting") {
  HttpWorld world;
  for (const std::string url :
       {"ftp://127.0.0.1/", "127.0.0.1:80", "http://user:secret@127.0.0.1/",
        "http://127.0.0.1:99999/", "http:///path", "http://a b/", ""}) {
    CAPTURE(url);
    const Exchange exchange = world.Send(Post(url));
    CHECK(exchange.end.fault == HttpFault::kUnsupported);
    CHECK(exchange.end.detail.find("secret") == std::string::npos);
  }
}

TEST_CASE("a client that goes with parked connections leaves nothing behind") {
  FaultServer server(Answering({Response(200, "1")}));
  HttpWorld world;
  world.SendAll(std::vector<HttpRequest>(4, Post(server.Url())));
  world.DestroyClient();
  world.Run();
  CHECK(server.connections() == 4);
}

TEST_CASE("a conductor that goes with calls under way is no harm") {
  FaultServer server([](Peer& peer) { peer.Hold(); });
  Exchange exchange;
  const HttpRequest request = Post(server.Url());
  HttpWorld world;
  world.Start(request, exchange);
  world.RunFor(milliseconds(50));
  CHECK(server.connections() == 1);
}

}  // namespace coppice::llm
