#include "llm/http_exchange.h"

#include <fmt/format.h>
#include <strings.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string_view>
#include <utility>
#include <vector>

// An exchange writes, then reads. A server that answers before it has read
// everything usually closes: the write fails, and the answer is found all the
// same, because Linux keeps what arrived before a reset.
//
// A server may close a parked connection at the very moment a request leaves
// on it. Such a request has failed before the first byte of an answer; it is
// sent again, once, on a fresh connection, and nobody hears of it.

namespace coppice::llm {
namespace {

constexpr std::size_t kReadSize = std::size_t{16} << 10;
// A body up to this size travels in one packet train with its header.
constexpr std::size_t kJoined = std::size_t{16} << 10;
// How long a sink that has had enough waits for the framing to end, so that
// the connection can be kept.
constexpr Duration kTail = std::chrono::milliseconds(100);
constexpr int kTailReads = 16;

using State = HttpResponseReader::State;

bool SameWord(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

bool IsOurs(std::string_view name) {
  static constexpr std::array<std::string_view, 4> kOurs{
      "host", "content-length", "connection", "transfer-encoding"};
  return std::any_of(kOurs.begin(), kOurs.end(),
                     [name](auto ours) { return SameWord(ours, name); });
}

bool IsToken(std::string_view text) {
  static constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || kMarks.find(c) != std::string_view::npos;
  });
}

bool IsFieldValue(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](unsigned char c) {
    return (c < ' ' && c != '\t') || c == 0x7f;
  });
}

}  // namespace

Result<std::string> HttpRequestHead(const HttpRequest& request,
                                    const HttpOrigin& origin) {
  const HttpUrl& url = origin.url;
  const bool absolute = origin.proxied() && !url.tls;
  if (!IsToken(request.method)) {
    return Error{.code = ErrorCode::kUsage, .what = "not an HTTP method"};
  }
  std::string head =
      fmt::format("{} {}{} HTTP/1.1\r\nHost: {}\r\n", request.method,
                  absolute ? "http://" + url.HostHeader() : "", url.target,
                  url.HostHeader());
  for (const auto& [name, value] : request.headers) {
    if (!IsToken(name) || !IsFieldValue(value)) {
      return Error{.code = ErrorCode::kUsage,
                   .what = fmt::format("header \"{:.40}\" cannot be sent",
                                       IsToken(name) ? name : "?"),
                   .cause =
                       "its name or value has bytes that do not belong "
                       "into a header"};
    }
    if (!IsOurs(name)) head += fmt::format("{}: {}\r\n", name, value);
  }
  if (absolute && !origin.proxy.authorization.empty()) {
    head +=
        fmt::format("Proxy-Authorization: {}\r\n", origin.proxy.authorization);
  }
  if (!request.body.empty() || request.method != "GET") {
    head += fmt::format("Content-Length: {}\r\n", request.body.size());
  }
  return head + "Connection: keep-alive\r\n\r\n";
}

struct HttpExchange::Talked {
  HttpEnd end;
  bool stale = false;  // lost before the first byte of an answer
};

HttpExchange::HttpExchange(Parts parts, const HttpRequest& request,
                           HttpSink& sink, HttpOrigin origin, std::string head)
    : parts_(parts),
      request_(request),
      sink_(sink),
      origin_(std::move(origin)),
      origin_key_(origin_.Key()),
      head_(std::move(head)) {
  if (request_.body.size() <= kJoined) head_ += request_.body;
}

Task<HttpEnd> HttpExchange::Run() {
  bool sent = false;  // on a connection that died of it
  if (std::unique_ptr<Stream> kept = parts_.pool.Take(origin_key_)) {
    Talked talked = co_await Talk(std::move(kept));
    if (!talked.stale) co_return std::move(talked.end);
    sent = talked.end.sent;
  }
  Dialed dialed = co_await parts_.dialer.Dial(origin_, parts_.watchdog);
  if (dialed.stream) {
    Talked talked = co_await Talk(std::move(dialed.stream));
    dialed.end = std::move(talked.end);
  }
  dialed.end.sent = dialed.end.sent || sent;
  co_return std::move(dialed.end);
}

Task<bool> HttpExchange::WriteAll(Stream& stream) {
  const std::string_view body = request_.body;
  const std::array<std::string_view, 2> pieces{
      head_, body.size() <= kJoined ? std::string_view() : body};
  for (std::string_view rest : pieces) {
    while (!rest.empty()) {
      parts_.watchdog.Expect(HttpFault::kIdle, "taking the request",
                             parts_.settings.write_stall);
      const StreamStep step = co_await stream.Write(rest);
      if (step.end != StreamEnd::kNone) co_return false;
      rest.remove_prefix(step.bytes);
    }
  }
  co_return true;
}

Task<void> HttpExchange::ReadAnswer(Stream& stream,
                                    HttpResponseReader& reader) {
  Watchdog& watchdog = parts_.watchdog;
  watchdog.ExpectPatiently();
  std::vector<char> buffer(kReadSize);
  State state = State::kMore;
  while (state == State::kMore) {
    const StreamStep step = co_await stream.Read(buffer);
    if (watchdog.fired()) co_return;
    if (step.end == StreamEnd::kNone) {
      state = reader.Feed({buffer.data(), step.bytes});
    } else {
      state = reader.Finish(step.end);
    }
    if (reader.answering()) {
      watchdog.Expect(HttpFault::kIdle, "the next byte", request_.idle);
    }
  }
}

Task<void> HttpExchange::FindEnd(Stream& stream, HttpResponseReader& reader) {
  Watchdog& watchdog = parts_.watchdog;
  watchdog.Expect(HttpFault::kIdle, "the end of the body", kTail);
  std::array<char, 1024> buffer;
  for (int reads = 0; reads < kTailReads && !reader.exhausted(); ++reads) {
    const StreamStep step = co_await stream.Read(buffer);
    if (watchdog.fired() || step.end != StreamEnd::kNone) co_return;
    reader.Feed({buffer.data(), step.bytes});
  }
}

Task<HttpExchange::Talked> HttpExchange::Talk(std::unique_ptr<Stream> stream) {
  Watchdog& watchdog = parts_.watchdog;
  HttpResponseReader reader(sink_, {.no_body = request_.method == "HEAD",
                                    .through_proxy = origin_.proxied()});
  Talked talked;
  {
    const Watchdog::Guard guard =
        watchdog.Breaks([&stream] { stream->Close(); });
    talked.end.sent = co_await WriteAll(*stream);
    if (!watchdog.fired()) co_await ReadAnswer(*stream, reader);
    if (reader.state() == State::kStopped) co_await FindEnd(*stream, reader);
  }
  if (reader.state() == State::kDone || reader.state() == State::kStopped) {
    const bool fit = talked.end.sent && reader.reusable() && !watchdog.fired();
    if (fit) parts_.pool.Park(origin_key_, std::move(stream));
    co_return talked;
  }
  const bool sent = talked.end.sent;
  const std::string peer = origin_.url.HostAndPort();
  if (watchdog.fired()) {
    talked.end = watchdog.End(peer);
  } else {
    talked.stale = !reader.heard();
    talked.end = reader.end();
    talked.end.detail = fmt::format("{}: {}", peer, talked.end.detail);
  }
  talked.end.sent = sent;
  co_return talked;
}

}  // namespace coppice::llm
