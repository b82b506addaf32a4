#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "llm/http_base64.h"
#include "llm/http_world.h"
#include "support/fault_server.h"

// What takes too long, is too much, or is ended from outside.

namespace coppice::llm {
namespace {

using testing::Answering;
using testing::Chunk;
using testing::ChunkedHead;
using testing::FaultServer;
using testing::Peer;
using testing::Response;

// Long enough not to be met by a slow machine, short enough to be told apart
// from a limit that did not work.
constexpr Duration kSlack = seconds(2);

HttpRequest Hasty(const FaultServer& server, Duration total, Duration idle) {
  HttpRequest request = Post(server.Url());
  request.total = total;
  request.idle = idle;
  return request;
}

}  // namespace

TEST_CASE("silence after the first byte ends at the idle limit") {
  const std::string begun = ChunkedHead() + Chunk("data: 1\n\n");
  for (const std::string& first : {std::string("H"), begun}) {
    FaultServer server([&first](Peer& peer) {
      peer.ReadRequest();
      peer.Send(first);
      peer.Hold();
    });
    HttpWorld world;
    const Exchange exchange =
        world.Send(Hasty(server, seconds(20), milliseconds(200)));
    CHECK(exchange.end.fault == HttpFault::kIdle);
    CHECK(exchange.end.sent);
    CHECK(exchange.took >= milliseconds(200));
    CHECK(exchange.took < milliseconds(200) + kSlack);
  }
}

TEST_CASE("the first byte may take as long as the request may") {
  FaultServer server([](Peer& peer) {
    peer.ReadRequest();
    peer.Pause(milliseconds(400));
    peer.Send("HTTP/1.1 100 Continue\r\n\r\n");
    peer.Pause(milliseconds(400));
    peer.Send(Response(200, "late"));
  });
  HttpWorld world;
  const Exchange exchange =
      world.Send(Hasty(server, seconds(20), milliseconds(100)));
  CHECK(exchange.end.fault == HttpFault::kNone);
  CHECK(exchange.body() == "late");
}

TEST_CASE("a server that never answers ends at the total limit") {
  FaultServer server([](Peer& peer) { peer.Hold(); });
  HttpWorld world;
  const Exchange exchange =
      world.Send(Hasty(server, milliseconds(300), milliseconds(100)));
  CHECK(exchange.end.fault == HttpFault::kTotal);
  CHECK(exchange.end.sent);
  CHECK(exchange.took >= milliseconds(300));
  CHECK(exchange.took < milliseconds(300) + kSlack);
}

TEST_CASE("a byte now and then resets the idle limit, not the total one") {
  FaultServer server([](Peer& peer) {
    peer.ReadRequest();
    peer.Send(ChunkedHead());
    while (true) {
      peer.Send(Chunk(": ping\n\n"));
      peer.Pause(milliseconds(100));
    }
  });
  HttpWorld world;
  const Exchange exchange =
      world.Send(Hasty(server, milliseconds(900), milliseconds(400)));
  CHECK(exchange.end.fault == HttpFault::kTotal);
  CHECK(exchange.took >= milliseconds(900));
  CHECK(exchange.took < milliseconds(900) + kSlack);
  CHECK(exchange.pieces.size() >= 3);
}

TEST_CASE("a limit that passed while parked does not meet the next request") {
  FaultServer server(Answering({Response(200, "1")}));
  HttpWorld world;
  world.Send(Hasty(server, milliseconds(200), milliseconds(100)));
  world.RunFor(milliseconds(300));
  const Exchange second =
      world.Send(Hasty(server, milliseconds(200), milliseconds(100)));
  CHECK(second.end.fault == HttpFault::kNone);
  CHECK(server.connections() == 1);
}

TEST_CASE("a request that nobody takes ends at the write limit") {
  FaultServer server([](Peer& peer) { peer.Pause(seconds(20)); });
  HttpWorld world({.write_stall = milliseconds(200)});
  HttpRequest request = Post(server.Url());
  request.body.assign(std::size_t{32} << 20, 'x');
  const Exchange exchange = world.Send(request);
  CHECK(exchange.end.fault == HttpFault::kIdle);
  CHECK_FALSE(exchange.end.sent);
  CHECK(exchange.took < seconds(5));
}

TEST_CASE("a slow request is no stalled request") {
  FaultServer server([](Peer& peer) {
    peer.Pause(milliseconds(100));
    peer.ReadRequest();
    peer.Send(Response(200, "1"));
  });
  HttpWorld world;
  HttpRequest request = Post(server.Url());
  request.body.assign(std::size_t{20} << 20, 'x');
  CHECK(world.Send(request).end.fault == HttpFault::kNone);
  CHECK(server.requests()[0].body.size() == request.body.size());
}

TEST_CASE("bodies of 300 KB and 20 MB arrive") {
  for (const std::size_t size : {std::size_t{300'000}, std::size_t{20} << 20}) {
    const std::string body(size, 'b');
    FaultServer server(Answering({Response(200, body)}));
    HttpWorld world;
    HttpRequest request = Post(server.Url());
    request.body.assign(300'000, 'q');
    const Exchange exchange = world.Send(request);
    CHECK(exchange.end.fault == HttpFault::kNone);
    CHECK(exchange.body() == body);
    CHECK(server.requests()[0].body == request.body);
  }
}

TEST_CASE("a header beyond 64 KB ends the call and the connection") {
  FaultServer server([](Peer& peer) {
    peer.ReadRequest();
    peer.Send(Response(200, "", {{"X-Long", std::string(70'000, 'x')}}));
    peer.Hold();
  });
  HttpWorld world;
  CHECK(world.Send(Post(server.Url())).end.fault == HttpFault::kTooLarge);
  world.Send(Post(server.Url()));
  CHECK(server.connections() == 2);
}

TEST_CASE("a body without end is cut off at 64 MB") {
  FaultServer server([](Peer& peer) {
    peer.ReadRequest();
    peer.Send(ChunkedHead());
    const std::string chunk = Chunk(std::string(1'000'000, 'x'));
    while (true) peer.Send(chunk);
  });
  HttpWorld world;
  std::size_t received = 0;
  Exchange exchange;
  const HttpRequest request = Post(server.Url());
  world.Start(request, exchange, [&](std::string_view bytes) {
    received += bytes.size();
    exchange.pieces.clear();
    return false;
  });
  world.Run();
  CHECK(exchange.end.fault == HttpFault::kTooLarge);
  CHECK(received <= (std::size_t{64} << 20));
}

TEST_CASE("a sink that has had enough ends the exchange at once") {
  FaultServer server([](Peer& peer) {
    peer.ReadRequest();
    peer.Send(ChunkedHead() + Chunk("data: [DONE]\n\n"));
    peer.Hold();
  });
  HttpWorld world;
  const auto enough = [](std::string_view) { return true; };
  const Exchange exchange = world.Send(Post(server.Url()), enough);
  CHECK(exchange.end.fault == HttpFault::kNone);
  CHECK(exchange.took < kSlack);
  world.Send(Post(server.Url()), enough);
  CHECK(server.connections() == 2);
}

TEST_CASE("a stream that ends right after its last word keeps its connection") {
  FaultServer server([](Peer& peer) {
    while (true) {
      peer.ReadRequest();
      peer.Send(ChunkedHead() + Chunk("data: [DONE]\n\n"));
      peer.Pause(milliseconds(10));
      peer.Send(testing::kLastChunk);
    }
  });
  HttpWorld world;
  const auto enough = [](std::string_view) { return true; };
  for (int i = 0; i < 3; ++i) {
    CHECK(world.Send(Post(server.Url()), enough).end.fault == HttpFault::kNone);
  }
  CHECK(server.connections() == 1);
}

TEST_CASE("events reach the sink as they are sent") {
  std::atomic<int> received = 0;
  FaultServer server([&received](Peer& peer) {
    peer.ReadRequest();
    peer.Send(ChunkedHead());
    for (int i = 0; i < 5; ++i) {
      peer.Send(Chunk("data: x\n\n"));
      while (received <= i) peer.Pause(milliseconds(1));
    }
    peer.Send(testing::kLastChunk);
  });
  HttpWorld world;
  const auto count = [&received](std::string_view) {
    ++received;
    return false;
  };
  CHECK(world.Send(Post(server.Url()), count).end.fault == HttpFault::kNone);
  CHECK(received == 5);
}

TEST_CASE("a response in single bytes is read") {
  FaultServer server([](Peer& peer) {
    peer.ReadRequest();
    peer.SendInPieces(testing::SseResponse({"one", "two"}), 1);
  });
  HttpWorld world;
  const Exchange exchange = world.Send(Post(server.Url()));
  CHECK(exchange.end.fault == HttpFault::kNone);
  CHECK(exchange.body() == "data: one\n\ndata: two\n\n");
}

TEST_CASE("gzip is unpacked though nobody asked, unless it is broken") {
  // gzip -n of "hello hello hello hello\n"
  std::string packed =
      DecodeBase64("H4sIAAAAAAAAA8tIzcnJV8hAJ7kAAIhZCxgAAAA=").value();
  const testing::ResponseHeaders headers{{"Content-Encoding", "gzip"}};
  const auto ask = [&headers](const std::string& body) {
    FaultServer server(Answering({Response(200, body, headers)}));
    HttpWorld world;
    return world.Send(Post(server.Url()));
  };
  CHECK(ask(packed).body() == "hello hello hello hello\n");
  CHECK(ask(packed.substr(0, 20)).end.fault == HttpFault::kCorrupt);
  packed[22] = 'x';  // of the checksum
  CHECK(ask(packed).end.fault == HttpFault::kCorrupt);
  CHECK(ask("{}").end.fault == HttpFault::kCorrupt);
}

TEST_CASE("brotli is a coding we do not know") {
  FaultServer server(
      Answering({Response(200, "x", {{"Content-Encoding", "br"}})}));
  HttpWorld world;
  const Exchange exchange = world.Send(Post(server.Url()));
  CHECK(exchange.end.fault == HttpFault::kEncoding);
  CHECK(exchange.end.detail.find("br") != std::string::npos);
}

TEST_CASE("cancelling ends every call under way, and those to come") {
  FaultServer silent([](Peer& peer) {
    peer.ReadRequest();
    peer.Hold();
  });
  FaultServer streaming([](Peer& peer) {
    peer.ReadRequest();
    peer.Send(ChunkedHead() + Chunk("data: 1\n\n"));
    peer.Hold();
  });
  HttpWorld world;
  const std::vector<HttpRequest> requests{
      Post(silent.Url()), Post(streaming.Url()), Post(silent.Url())};
  std::vector<Exchange> exchanges(requests.size());
  for (std::size_t i = 0; i < requests.size(); ++i) {
    world.Start(requests[i], exchanges[i]);
  }
  CHECK(world.RunUntil([&] {
    return exchanges[1].body() == "data: 1\n\n" &&
           silent.requests().size() == 2;
  }));
  const Instant before = world.clock().Now();
  world.client().CancelAll();
  world.Run();
  CHECK(world.clock().Now() - before < kSlack);
  for (const Exchange& exchange : exchanges) {
    CHECK(exchange.end.fault == HttpFault::kCancelled);
    CHECK(exchange.end.sent);
  }
  const Exchange later = world.Send(requests[0]);
  CHECK(later.end.fault == HttpFault::kCancelled);
  CHECK_FALSE(later.end.sent);
  CHECK(silent.connections() == 2);
}

TEST_CASE("cancelling reaches a call in each of its phases") {
  HttpSettings settings;
  FaultServer no_tls([](Peer& peer) { peer.Hold(); });
  settings.lookup = [](const std::string&) {
    std::this_thread::sleep_for(milliseconds(500));
    return HostLookup{};
  };
  HttpWorld world(settings);
  std::string body(std::size_t{32} << 20, 'x');
  FaultServer full([](Peer& peer) { peer.Pause(seconds(20)); });
  const std::vector<HttpRequest> requests{
      Post("https://slow.test/"),              // lookup
      Post("https" + no_tls.Url().substr(4)),  // handshake
      Post(full.Url(), std::move(body))};      // writing
  std::vector<Exchange> exchanges(requests.size());
  for (std::size_t i = 0; i < requests.size(); ++i) {
    world.Start(requests[i], exchanges[i]);
  }
  world.RunFor(milliseconds(200));
  world.client().CancelAll();
  world.Run();
  for (const Exchange& exchange : exchanges) {
    CHECK(exchange.end.fault == HttpFault::kCancelled);
    CHECK_FALSE(exchange.end.sent);
    CHECK(exchange.took < seconds(5));
  }
}

}  // namespace coppice::llm
