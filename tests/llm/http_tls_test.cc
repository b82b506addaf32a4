#include <doctest/doctest.h>
#include <stdlib.h>

#include "llm/http_world.h"
#include "support/external_server.h"
#include "support/fault_server.h"
#include "support/temp_dir.h"

namespace coppice::llm {
namespace {

using testing::Answering;
using testing::Authority;
using testing::Certificate;
using testing::ExternalServer;
using testing::FaultServer;
using testing::Peer;
using testing::Response;
using testing::Script;
using testing::TempDir;

// Every name of these tests is this machine.
HttpSettings EveryNameIsHere() {
  HttpSettings settings;
  settings.lookup = [](const std::string&) {
    return HostLookup{.addresses = {"127.0.0.1"}};
  };
  return settings;
}

HttpRequest Secure(const std::string& host, int port,
                   const std::string& ca_file) {
  HttpRequest request =
      Post("https://" + host + ":" + std::to_string(port) + "/v1");
  request.ca_file = ca_file;
  return request;
}

std::vector<Script> Once(Script script) { return {std::move(script)}; }

// An environment variable for the length of a case.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    setenv(name, value.c_str(), 1);
  }
  ~Variable() { unsetenv(name_); }

 private:
  const char* name_;
};

}  // namespace

TEST_CASE("TLS of another program is spoken, and its connections are kept") {
  if (!testing::HasPrograms({"openssl", "stunnel4"})) return;
  const TempDir directory;
  const Authority authority(directory.path());
  FaultServer server(Answering({Response(200, "{\"ok\":1}")}));
  const ExternalServer tls = testing::StartStunnel(
      directory.path(), authority.Sign("good", "DNS:good.test,DNS:*.many.test"),
      server.port());
  HttpWorld world(EveryNameIsHere());
  for (int i = 0; i < 3; ++i) {
    const Exchange exchange =
        world.Send(Secure("good.test", tls.port(), authority.file()));
    CHECK_MESSAGE(exchange.end.fault == HttpFault::kNone, exchange.end.detail);
    CHECK(exchange.body() == "{\"ok\":1}");
  }
  // stunnel opens one backend connection for each of ours.
  CHECK(server.connections() == 1);
  CHECK(world.Send(Secure("a.many.test", tls.port(), authority.file()))
            .end.fault == HttpFault::kNone);
  HttpRequest large = Secure("good.test", tls.port(), authority.file());
  large.body.assign(3'000'000, 'x');
  CHECK(world.Send(large).end.fault == HttpFault::kNone);
  CHECK(server.requests().back().body == large.body);
}

TEST_CASE("a certificate that proves nothing ends the call before HTTP") {
  if (!testing::HasPrograms({"openssl", "stunnel4"})) return;
  const TempDir directory;
  const Authority authority(directory.path());
  FaultServer server(Answering({Response(200, "{}")}));
  const std::string names = "DNS:good.test,IP:127.0.0.1";
  struct Case {
    const char* what;
    Certificate certificate;
    const char* host;
    std::string ca_file;
    const char* said;
  };
  const Case cases[] = {
      {"wrong host", authority.Sign("good", names), "other.test",
       authority.file(), "another host"},
      {"expired", authority.SignExpired("old", names), "good.test",
       authority.file(), "expired"},
      {"self-signed", authority.SelfSigned("self", names), "good.test",
       authority.file(), "self"},
      {"unknown authority", authority.Sign("good2", names), "good.test", "",
       "unable to get local issuer"},
  };
  for (const Case& one : cases) {
    CAPTURE(one.what);
    const ExternalServer tls =
        testing::StartStunnel(directory.path(), one.certificate, server.port());
    HttpWorld world(EveryNameIsHere());
    const Exchange exchange =
        world.Send(Secure(one.host, tls.port(), one.ca_file));
    CHECK(exchange.end.fault == HttpFault::kTls);
    CHECK_FALSE(exchange.end.sent);
    CHECK_MESSAGE(exchange.end.detail.find(one.said) != std::string::npos,
                  exchange.end.detail);
    CHECK(exchange.end.detail.find("SSL_CERT_FILE") != std::string::npos);
    CHECK(server.requests().empty());
  }
  const ExternalServer tls = testing::StartStunnel(
      directory.path(), authority.Sign("last", names), server.port());
  const Variable trusted("SSL_CERT_FILE", authority.file());
  HttpWorld world(EveryNameIsHere());
  CHECK(world.Send(Secure("good.test", tls.port(), "")).end.fault ==
        HttpFault::kNone);
  CHECK(world.Send(Secure("127.0.0.1", tls.port(), "")).end.fault ==
        HttpFault::kNone);
  CHECK(server.requests().size() == 2);
}

TEST_CASE("a file of certificates that cannot be read is named") {
  FaultServer server(Answering({Response(200, "{}")}));
  HttpWorld world(EveryNameIsHere());
  const Exchange exchange =
      world.Send(Secure("good.test", server.port(), "/nowhere/ca.pem"));
  CHECK(exchange.end.fault == HttpFault::kTls);
  CHECK(exchange.end.detail.find("/nowhere/ca.pem") != std::string::npos);
}

TEST_CASE("what does not speak TLS breaks the handshake, and is no refusal") {
  FaultServer talks([](Peer& peer) {
    peer.Send("HTTP/1.1 400 Bad Request\r\n\r\n");
    peer.Hold();
  });
  FaultServer leaves([](Peer& peer) { peer.Pause(milliseconds(20)); });
  FaultServer resets([](Peer& peer) {
    peer.Pause(milliseconds(20));
    peer.Reset();
  });
  FaultServer silent([](Peer& peer) { peer.Hold(); });
  HttpSettings settings = EveryNameIsHere();
  settings.handshake = milliseconds(300);
  HttpWorld world(settings);
  for (const FaultServer* server : {&talks, &leaves, &resets, &silent}) {
    const Exchange exchange =
        world.Send(Secure("good.test", server->port(), ""));
    CHECK_MESSAGE(exchange.end.fault == HttpFault::kHandshake,
                  exchange.end.detail);
    CHECK_FALSE(exchange.end.sent);
    CHECK(exchange.took < seconds(3));
  }
}

TEST_CASE("a TLS connection cut without goodbye is judged by the framing") {
  if (!testing::HasPrograms({"openssl"})) return;
  const TempDir directory;
  const Authority authority(directory.path());
  const Certificate good = authority.Sign("good", "DNS:good.test");
  const auto ask = [&](Script script) {
    FaultServer server(Once(std::move(script)),
                       {.certificate = good.file, .key = good.key});
    HttpWorld world(EveryNameIsHere());
    return world.Send(Secure("good.test", server.port(), authority.file()));
  };
  const std::string endless = "HTTP/1.1 200 OK\r\n\r\nhello";
  SUBCASE("with a length that was reached it is complete") {
    const Exchange exchange = ask([](Peer& peer) {
      peer.ReadRequest();
      peer.Send(Response(200, "hello", {{"Connection", "close"}}));
      peer.Cut();
    });
    CHECK(exchange.end.fault == HttpFault::kNone);
    CHECK(exchange.body() == "hello");
  }
  SUBCASE("without a length it is truncated") {
    const Exchange exchange = ask([&endless](Peer& peer) {
      peer.ReadRequest();
      peer.Send(endless);
      peer.Cut();
    });
    CHECK(exchange.end.fault == HttpFault::kTruncated);
    CHECK(exchange.end.sent);
  }
  SUBCASE("with a goodbye, a body without a length is complete") {
    const Exchange exchange = ask([&endless](Peer& peer) {
      peer.ReadRequest();
      peer.Send(endless);
      peer.Close();
    });
    CHECK(exchange.end.fault == HttpFault::kNone);
    CHECK(exchange.body() == "hello");
  }
  SUBCASE("before the last chunk it is truncated, goodbye or not") {
    for (const bool goodbye : {false, true}) {
      const Exchange exchange = ask([goodbye](Peer& peer) {
        peer.ReadRequest();
        peer.Send(testing::ChunkedHead() + testing::Chunk("data: 1\n\n"));
        goodbye ? peer.Close() : peer.Cut();
      });
      CHECK(exchange.end.fault == HttpFault::kTruncated);
    }
  }
}

TEST_CASE("a parked TLS connection that was closed is replaced") {
  if (!testing::HasPrograms({"openssl"})) return;
  const TempDir directory;
  const Authority authority(directory.path());
  const Certificate good = authority.Sign("good", "DNS:good.test");
  const Script once = [](Peer& peer) {
    peer.ReadRequest();
    peer.Send(Response(200, "1"));
    peer.Pause(milliseconds(20));
  };
  FaultServer server({once, once, once},
                     {.certificate = good.file, .key = good.key});
  HttpWorld world(EveryNameIsHere());
  for (int i = 0; i < 3; ++i) {
    CHECK(world.Send(Secure("good.test", server.port(), authority.file()))
              .end.fault == HttpFault::kNone);
    world.RunFor(milliseconds(60));
  }
  CHECK(server.connections() == 3);
}

TEST_CASE("a call within TLS is cancelled as any other") {
  if (!testing::HasPrograms({"openssl"})) return;
  const TempDir directory;
  const Authority authority(directory.path());
  const Certificate good = authority.Sign("good", "DNS:good.test");
  FaultServer server(Once([](Peer& peer) {
                       peer.ReadRequest();
                       peer.Hold();
                     }),
                     {.certificate = good.file, .key = good.key});
  HttpWorld world(EveryNameIsHere());
  const HttpRequest request =
      Secure("good.test", server.port(), authority.file());
  Exchange exchange;
  world.Start(request, exchange);
  CHECK(world.RunUntil([&server] { return server.requests().size() == 1; }));
  world.client().CancelAll();
  world.Run();
  CHECK(exchange.end.fault == HttpFault::kCancelled);
  CHECK(exchange.end.sent);
}

}  // namespace coppice::llm
