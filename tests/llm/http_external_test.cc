#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <filesystem>

#include "base/fd.h"
#include "llm/http_resolver.h"
#include "llm/http_world.h"
#include "support/aimock.h"
#include "support/external_server.h"
#include "support/fault_server.h"
#include "support/temp_dir.h"

// Against programs that other people wrote.

namespace coppice::llm {
namespace {

using testing::Answering;
using testing::ExternalServer;
using testing::FaultServer;
using testing::Peer;
using testing::Response;
using testing::TempDir;

HttpRequest To(const std::string& host, int port) {
  return Post("http://" + host + ":" + std::to_string(port) + "/");
}

// getaddrinfo, asking the name server at `port` of this machine.
std::function<HostLookup(const std::string&)> Asking(int port) {
  return [port](const std::string& host) {
    res_init();
    _res.nscount = 1;
    _res.retrans = 1;
    _res.retry = 1;
    _res.nsaddr_list[0].sin_family = AF_INET;
    _res.nsaddr_list[0].sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    _res.nsaddr_list[0].sin_port = htons(static_cast<std::uint16_t>(port));
    return SystemLookup(host);
  };
}

// A name server that takes questions and never answers.
class SilentNameServer {
 public:
  SilentNameServer() : fd_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* at = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof address;
    REQUIRE(bind(fd_.get(), at, size) == 0);
    REQUIRE(getsockname(fd_.get(), at, &size) == 0);
    port_ = ntohs(address.sin_port);
  }
  int port() const { return port_; }

 private:
  UniqueFd fd_;
  int port_ = 0;
};

std::filesystem::path FakeTimeLibrary() {
  for (const auto& place : std::filesystem::directory_iterator("/usr/lib")) {
    const auto library = place.path() / "faketime/libfaketimeMT.so.1";
    std::error_code ignored;
    if (std::filesystem::exists(library, ignored)) return library;
  }
  return {};
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
constexpr bool kSanitized =
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool kSanitized = false;
#endif

}  // namespace

TEST_CASE("what nginx packs though nobody asked is unpacked") {
  if (!testing::HasPrograms({"nginx"})) return;
  const TempDir directory;
  // The second server packs for whoever says so, and the first one says so.
  std::string text = "hello from nginx ";
  while (text.size() < 2000) text += text;
  const ExternalServer nginx = testing::StartNginx(
      directory.path(),
      "gzip on; gzip_types application/json; gzip_min_length 1;\n"
      "gzip_proxied any; gzip_http_version 1.0;\n"
      "default_type application/json;\n"
      "server { listen 127.0.0.1:{port2}; location / { return 200 \"" +
          text +
          "\"; } }\n"
          "server { listen 127.0.0.1:{port}; gzip off; location / {\n"
          "  proxy_pass http://127.0.0.1:{port2};\n"
          "  proxy_set_header Accept-Encoding gzip; } }\n");
  HttpWorld world;
  HttpRequest request = To("127.0.0.1", nginx.port());
  request.headers.emplace_back("Accept-Encoding", "identity");
  const Exchange exchange = world.Send(request);
  CHECK_MESSAGE(exchange.end.fault == HttpFault::kNone, exchange.end.detail);
  CHECK(FindHeader(exchange.head.headers, "content-encoding") == "gzip");
  CHECK(exchange.body() == text);
}

TEST_CASE("nginx's own pages for 413 and 502 come through as they are") {
  if (!testing::HasPrograms({"nginx"})) return;
  const TempDir directory;
  const ExternalServer nginx =
      testing::StartNginx(directory.path(),
                          "client_max_body_size 1k;\n"
                          "server { listen 127.0.0.1:{port}; location / {\n"
                          "  proxy_pass http://127.0.0.1:{port2}; } }\n");
  HttpWorld world;
  HttpRequest request = To("127.0.0.1", nginx.port());
  const Exchange bad_gateway = world.Send(request);
  CHECK(bad_gateway.end.fault == HttpFault::kNone);
  CHECK(bad_gateway.head.status == 502);
  CHECK(bad_gateway.body().find("<html>") != std::string::npos);
  request.body.assign(5'000'000, 'x');
  const Exchange too_large = world.Send(request);
  CHECK_MESSAGE(too_large.end.fault == HttpFault::kNone, too_large.end.detail);
  CHECK(too_large.head.status == 413);
}

TEST_CASE("https goes through tinyproxy, which alone looks up the name") {
  if (!testing::HasPrograms({"tinyproxy", "openssl"})) return;
  if (!testing::HasMountNamespaces()) return;
  const TempDir directory;
  const testing::Authority authority(directory.path());
  const testing::Certificate good = authority.Sign("good", "DNS:models.test");
  FaultServer server({Answering({Response(200, "{}")})},
                     {.certificate = good.file, .key = good.key});
  const ExternalServer proxy = testing::StartTinyproxy(
      directory.path(), "BasicAuth me pass", "127.0.0.1 models.test");
  HttpSettings settings;
  settings.lookup = [](const std::string&) { return HostLookup{.error = 1}; };
  const auto ask = [&](const std::string& credentials) {
    settings.env["https_proxy"] =
        "http://" + credentials + "127.0.0.1:" + std::to_string(proxy.port());
    HttpWorld world(settings);
    HttpRequest request =
        Post("https://models.test:" + std::to_string(server.port()) + "/");
    request.ca_file = authority.file();
    request.headers.emplace_back("X-Api-Key", "for-the-server-only");
    return world.Send(request);
  };

  const Exchange used = ask("me:p%61ss@");
  CHECK_MESSAGE(used.end.fault == HttpFault::kNone, used.end.detail);
  REQUIRE(server.requests().size() == 1);
  const testing::SeenRequest seen = server.requests()[0];
  CHECK(seen.target == "/");
  CHECK(seen.Header("host") == "models.test:" + std::to_string(server.port()));
  CHECK(seen.Header("proxy-authorization").empty());

  for (const char* credentials : {"", "me:wrong@"}) {
    const Exchange refused = ask(credentials);
    CHECK(refused.end.fault == HttpFault::kProxy);
    CHECK(refused.end.status / 100 == 4);
    CHECK_FALSE(refused.end.sent);
    CHECK(refused.end.detail.find("wrong") == std::string::npos);
  }
  CHECK(ask("").end.status == 407);
  CHECK(server.connections() == 1);
}

TEST_CASE("http goes through tinyproxy in absolute form") {
  if (!testing::HasPrograms({"tinyproxy"})) return;
  if (!testing::HasMountNamespaces()) return;
  const TempDir directory;
  FaultServer server(Answering({Response(200, "{\"by\":\"proxy\"}")}));
  const ExternalServer proxy = testing::StartTinyproxy(
      directory.path(), "BasicAuth me pass", "127.0.0.1 models.test");
  const std::string address = "127.0.0.1:" + std::to_string(proxy.port());
  HttpSettings settings;
  settings.env["http_proxy"] = "http://me:pass@" + address;
  HttpWorld world(settings);
  const Exchange used = world.Send(To("models.test", server.port()));
  CHECK(used.end.fault == HttpFault::kNone);
  CHECK(used.body() == "{\"by\":\"proxy\"}");
  CHECK(server.requests()[0].target == "/");

  HttpRequest unknown = To("models.test", server.port());
  unknown.proxy = "http://" + address;
  const Exchange refused = world.Send(unknown);
  CHECK(refused.end.fault == HttpFault::kProxy);
  CHECK(refused.end.status == 407);

  // Loopback and what NO_PROXY names do not go that way.
  settings.env["http_proxy"] = "http://127.0.0.1:1";
  settings.env["no_proxy"] = "models.test";
  settings.lookup = [](const std::string&) {
    return HostLookup{.addresses = {"127.0.0.1"}};
  };
  HttpWorld spared(settings);
  CHECK(spared.Send(To("models.test", server.port())).end.fault ==
        HttpFault::kNone);
  CHECK(spared.Send(To("127.0.0.1", server.port())).end.fault ==
        HttpFault::kNone);
  CHECK(spared.Send(To("other.test", server.port())).end.fault ==
        HttpFault::kConnect);
}

TEST_CASE("a real name server's answers, refusals and silence are told apart") {
  if (!testing::HasPrograms({"dnsmasq"})) return;
  const TempDir directory;
  const SilentNameServer silent;
  const ExternalServer dns = testing::StartDnsmasq(
      directory.path(),
      {"--address=/good.test/127.0.0.1", "--address=/gone.test/",
       "--server=/silent.test/127.0.0.1#" + std::to_string(silent.port())});
  FaultServer server(Answering({Response(200, "{}")}));
  HttpSettings settings;
  settings.lookup = Asking(dns.port());
  settings.dns = milliseconds(500);
  HttpWorld world(settings);
  const std::vector<Exchange> exchanges = world.SendAll(
      {To("api.good.test", server.port()), To("api.gone.test", server.port()),
       To("api.silent.test", server.port())});
  CHECK_MESSAGE(exchanges[0].end.fault == HttpFault::kNone,
                exchanges[0].end.detail);
  CHECK(exchanges[1].end.fault == HttpFault::kResolve);
  CHECK(exchanges[2].end.fault == HttpFault::kResolve);
  CHECK(exchanges[2].took >= milliseconds(500));
  CHECK(exchanges[2].took < milliseconds(2500));
}

TEST_CASE("aimock closes an idle connection, and nobody notices") {
  if (testing::SkippedWithoutAiMock()) return;
  const testing::AiMock mock(
      R"({"fixtures":[{"match":{},"response":{"content":"hello"}}]})");
  HttpWorld world;
  const HttpRequest request =
      Post(mock.url() + "/v1/chat/completions",
           R"({"model":"m","messages":[{"role":"user","content":"hi"}]})");
  const Exchange first = world.Send(request);
  CHECK_MESSAGE(first.end.fault == HttpFault::kNone, first.end.detail);
  world.RunFor(seconds(6));
  const Exchange second = world.Send(request);
  CHECK_MESSAGE(second.end.fault == HttpFault::kNone, second.end.detail);
  CHECK(second.head.status == 200);
  CHECK(second.body().find("hello") != std::string::npos);
  CHECK(second.took < seconds(1));  // no backoff
  CHECK(mock.Journal().size() == 2);
}

TEST_CASE("a jump of the wall clock, seen from within" * doctest::skip()) {
  const char* file = getenv("FAKETIME_TIMESTAMP_FILE");
  REQUIRE(file != nullptr);
  FaultServer server([](Peer& peer) {
    peer.ReadRequest();
    peer.Send("H");
    peer.Hold();
  });
  for (const char* offset : {"+1h", "-1h"}) {
    testing::WriteFile(file, "+0");
    HttpWorld world;
    const WallTime before = world.clock().Wall();
    HttpRequest request = To("127.0.0.1", server.port());
    request.idle = milliseconds(600);
    Exchange exchange;
    world.Start(request, exchange);
    world.RunFor(milliseconds(200));
    testing::WriteFile(file, offset);
    world.Run();
    const auto jump = world.clock().Wall() - before;
    CHECK(std::chrono::abs(jump) > std::chrono::minutes(55));
    CHECK(exchange.end.fault == HttpFault::kIdle);
    CHECK(exchange.took >= milliseconds(600));
    CHECK(exchange.took < milliseconds(2600));
  }
}

TEST_CASE("waits do not change when the wall clock jumps by an hour") {
  if (!testing::HasPrograms({"faketime"})) return;
  if (kSanitized) {
    MESSAGE("SKIPPED: faketime cannot be loaded beside a sanitizer");
    return;
  }
  const TempDir directory;
  const auto clock = directory / "clock";
  testing::WriteFile(clock, "+0");
  const int status = testing::RunProgram(
      {std::filesystem::read_symlink("/proc/self/exe"), "--no-skip",
       "--test-case=a jump of the wall clock?*seen from within"},
      directory / "log",
      {"LD_PRELOAD=" + FakeTimeLibrary().string(),
       "FAKETIME_TIMESTAMP_FILE=" + clock.string(), "FAKETIME_NO_CACHE=1",
       "FAKETIME_DONT_FAKE_MONOTONIC=1"});
  CHECK_MESSAGE(status == 0, testing::ReadFile(directory / "log"));
  CHECK(testing::ReadFile(directory / "log").find("1 passed") !=
        std::string::npos);
}

}  // namespace coppice::llm
