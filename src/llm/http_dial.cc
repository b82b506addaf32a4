#include "llm/http_dial.h"

#include <fmt/format.h>

#include <array>
#include <boost/asio/ip/address.hpp>
#include <optional>
#include <utility>

#include "llm/http_response.h"
#include "llm/stream_tcp.h"
#include "llm/stream_tls.h"

namespace coppice::llm {
namespace {

bool IsAddress(const std::string& host) {
  boost::system::error_code error;
  asio::ip::make_address(host, error);
  return !error;
}

HttpEnd Failed(HttpFault fault, const std::string& peer,
               const std::string& cause) {
  return {.fault = fault, .detail = fmt::format("{}: {}", peer, cause)};
}

class TunnelSink final : public HttpSink {
 public:
  void OnHead(const HttpHead& head) override { status = head.status; }
  bool OnBody(std::string_view) override { return false; }

  int status = 0;
};

std::string TunnelRequest(const HttpOrigin& origin) {
  const std::string target = origin.url.HostAndPort();
  std::string text =
      fmt::format("CONNECT {} HTTP/1.1\r\nHost: {}\r\n", target, target);
  if (!origin.proxy.authorization.empty()) {
    text +=
        fmt::format("Proxy-Authorization: {}\r\n", origin.proxy.authorization);
  }
  return text + "\r\n";
}

// Asks the proxy for a way to the target, whose name only the proxy looks up.
// Nothing if it agreed.
Task<std::optional<HttpEnd>> OpenTunnel(TcpStream& stream,
                                        const HttpOrigin& origin,
                                        Watchdog& watchdog) {
  const Watchdog::Guard guard = watchdog.Breaks([&stream] { stream.Close(); });
  const std::string request = TunnelRequest(origin);
  for (std::string_view rest = request; !rest.empty();) {
    const StreamStep step = co_await stream.Write(rest);
    if (step.end != StreamEnd::kNone) break;  // an answer may have come
    rest.remove_prefix(step.bytes);
  }
  TunnelSink sink;
  HttpResponseReader reader(sink, {.no_body = true, .through_proxy = true});
  std::array<char, 1024> buffer;
  HttpResponseReader::State state = HttpResponseReader::State::kMore;
  while (state == HttpResponseReader::State::kMore) {
    const StreamStep step = co_await stream.Read(buffer);
    state = step.end == StreamEnd::kNone
                ? reader.Feed({buffer.data(), step.bytes})
                : reader.Finish(step.end);
  }
  const bool agreed = state == HttpResponseReader::State::kDone &&
                      sink.status / 100 == 2 && reader.exhausted();
  if (agreed) co_return std::nullopt;
  HttpEnd end = reader.end();
  if (end.fault == HttpFault::kNone) {
    end.fault = HttpFault::kProxy;
    end.status = sink.status;
    end.detail = fmt::format("the proxy answered {} to CONNECT", sink.status);
  }
  end.detail = fmt::format("{} by way of {}:{} ({}): {}",
                           origin.url.HostAndPort(), origin.proxy.host,
                           origin.proxy.port, origin.proxy.source, end.detail);
  co_return end;
}

}  // namespace

struct HttpDialer::Plain {
  std::unique_ptr<TcpStream> stream;
  HttpEnd end;  // without a stream
};

std::string HttpOrigin::Key() const {
  return fmt::format("{}://{} {}:{} {} {}", url.tls ? "https" : "http",
                     url.HostAndPort(), proxy.host, proxy.port,
                     proxy.authorization, ca_file);
}

HttpDialer::HttpDialer(asio::any_io_executor executor, Clock& clock,
                       const HttpSettings& settings)
    : settings_(settings), resolver_(std::move(executor), clock, settings) {}

HttpDialer::~HttpDialer() = default;

// To the server itself, or to its proxy.
Task<HttpDialer::Plain> HttpDialer::Connect(const HttpOrigin& origin,
                                            Watchdog& watchdog) {
  const bool proxied = origin.proxied();
  const std::string host = proxied ? origin.proxy.host : origin.url.host;
  const std::uint16_t port = proxied ? origin.proxy.port : origin.url.port;
  const std::string peer = proxied ? fmt::format("proxy {}:{}", host, port)
                                   : origin.url.HostAndPort();
  HttpResolver::Answer answer;
  if (IsAddress(host)) {
    answer.addresses.push_back(host);
  } else {
    answer = co_await resolver_.Resolve(host, watchdog);
    if (watchdog.fired()) co_return Plain{.end = watchdog.End(peer)};
    if (answer.addresses.empty()) {
      HttpEnd end = Failed(HttpFault::kResolve, peer, answer.cause);
      co_return Plain{.end = std::move(end)};
    }
  }
  watchdog.Expect(HttpFault::kConnect, "connecting", settings_.connect);
  TcpOpened tcp = co_await ConnectTcp(std::move(answer.addresses), port,
                                      settings_.stagger, watchdog);
  if (tcp.stream) co_return Plain{.stream = std::move(tcp.stream)};
  resolver_.Forget(host);
  if (watchdog.fired()) co_return Plain{.end = watchdog.End(peer)};
  HttpEnd end = Failed(HttpFault::kConnect, peer, tcp.cause);
  co_return Plain{.end = std::move(end)};
}

Task<Dialed> HttpDialer::Secure(std::unique_ptr<TcpStream> tcp,
                                const HttpOrigin& origin, Watchdog& watchdog) {
  const std::string target = origin.url.HostAndPort();
  std::shared_ptr<TlsTrust>& trust = trusts_[origin.ca_file];
  if (!trust) {
    Result<std::shared_ptr<TlsTrust>> loaded = TlsTrust::Load(origin.ca_file);
    if (!loaded) {
      HttpEnd end = Failed(HttpFault::kTls, target, loaded.error().Text());
      co_return Dialed{.end = std::move(end)};
    }
    trust = std::move(*loaded);
  }
  watchdog.Expect(HttpFault::kHandshake, "the TLS handshake",
                  settings_.handshake);
  TlsOpened tls =
      co_await StartTls(std::move(tcp), trust, origin.url.host, watchdog);
  if (watchdog.fired()) co_return Dialed{.end = watchdog.End(target)};
  co_return Dialed{.stream = std::move(tls.stream), .end = std::move(tls.end)};
}

Task<Dialed> HttpDialer::Dial(const HttpOrigin& origin, Watchdog& watchdog) {
  Plain plain = co_await Connect(origin, watchdog);
  if (!plain.stream) co_return Dialed{.end = std::move(plain.end)};
  if (!origin.url.tls) co_return Dialed{.stream = std::move(plain.stream)};
  if (origin.proxied()) {
    watchdog.Expect(HttpFault::kConnect, "the proxy's answer to CONNECT",
                    settings_.connect);
    std::optional<HttpEnd> refused =
        co_await OpenTunnel(*plain.stream, origin, watchdog);
    if (watchdog.fired()) {
      co_return Dialed{.end = watchdog.End(origin.url.HostAndPort())};
    }
    if (refused) co_return Dialed{.end = std::move(*refused)};
  }
  Dialed secured = co_await Secure(std::move(plain.stream), origin, watchdog);
  co_return secured;
}

}  // namespace coppice::llm
