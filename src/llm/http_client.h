#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/task.h"

namespace coppice::llm {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

// The first header of a name, whatever its case; nothing if there is none.
std::optional<std::string_view> FindHeader(const HttpHeaders& headers,
                                           std::string_view name);

struct HttpRequest {
  std::string method = "POST";
  std::string url;  // absolute, http or https
  // What the client adds itself: Host, Content-Length, Connection.
  HttpHeaders headers;
  std::string body;
  // Connect to last byte (PROVIDERS §5).
  Duration total{std::chrono::seconds(900)};
  Duration idle{std::chrono::seconds(120)};  // between bytes, after the first
  std::string proxy;    // of the profile; empty: from the environment
  std::string ca_file;  // further trusted certificates; empty: the system's
  // What the cassette needs to name a request (PROVIDERS §11).
  std::string codec;
  std::string model;
};

struct HttpHead {
  int status = 0;
  HttpHeaders headers;
};

// What arrives, in order: one head (1xx are skipped), then the body in pieces,
// decoded (chunks, gzip). Called on the conductor between two waits.
class HttpSink {
 public:
  virtual ~HttpSink() = default;
  virtual void OnHead(const HttpHead& head) = 0;
  // False ends the exchange: it counts as complete.
  virtual bool OnBody(std::string_view bytes) = 0;
};

enum class HttpFault {
  kNone,         // the whole response was received
  kResolve,      // name lookup
  kConnect,      // nobody answered in time, or refused
  kTls,          // certificate or host name: never retried
  kHandshake,    // TLS broke off
  kProxy,        // the proxy refused; 407 in `status`
  kReset,        // the connection was lost
  kIdle,         // silence for longer than `idle`
  kTotal,        // `total` is over
  kTruncated,    // closed before the end that the framing announced
  kTooLarge,     // header, body or line beyond its cap
  kMalformed,    // not HTTP
  kEncoding,     // a content coding nobody asked for: br, zstd
  kCorrupt,      // gzip that does not unpack
  kCancelled,    // CancelAll
  kUnsupported,  // a proxy kind or URL that is refused before connecting
};

struct HttpEnd {
  HttpFault fault = HttpFault::kNone;
  std::string detail;  // for people: host and cause, never a header value
  // The request was written to its last byte: it may be billed.
  bool sent = false;
  int status = 0;  // of a proxy that refused
};

// HTTP/1.1 to many servers. Conductor thread; many calls at once. Always
// answers within `total` plus 1 s. A connection that was kept alive and turns
// out to be dead before the first byte is replaced once, silently. Redirects
// are never followed.
class HttpClient {
 public:
  virtual ~HttpClient() = default;
  // `request` and `sink` must outlive the task.
  virtual Task<HttpEnd> Send(const HttpRequest& request, HttpSink& sink) = 0;
  // Ends every call under way within 1 s, as kCancelled; later ones at once.
  virtual void CancelAll() = 0;
};

}  // namespace coppice::llm
