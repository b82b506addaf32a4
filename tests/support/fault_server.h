#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coppice::testing {

struct SeenRequest {
  int connection = 0;  // 0 is the first
  std::string head;    // as it came, with its blank line
  std::string method;
  std::string target;
  std::string body;

  // The value of a header, whatever its case; "" if there is none.
  std::string Header(std::string_view name) const;
};

// One accepted connection in the hands of a script, on a thread of its own:
// everything here blocks. When the client has gone or the server stops, the
// script is left at whatever it was doing.
class Peer {
 public:
  virtual ~Peer() = default;

  virtual int connection() const = 0;  // 0 is the first
  // The next request, head and body; it is also noted by the server.
  virtual SeenRequest ReadRequest() = 0;
  virtual void Send(std::string_view bytes) = 0;
  virtual void Pause(std::chrono::milliseconds time) = 0;
  // Reads and forgets until the client leaves.
  virtual void Hold() = 0;
  // Ends the connection: in order, without TLS's close_notify, or by a reset.
  virtual void Close() = 0;
  virtual void Cut() = 0;
  virtual void Reset() = 0;

  // `size` bytes at a time, so long apart.
  void SendInPieces(std::string_view bytes, std::size_t size,
                    std::chrono::milliseconds apart = {});
};

// What happens on one connection; it is closed in order when this returns.
using Script = std::function<void(Peer&)>;

// Answers request after request, on any connection, each with the next of
// `responses` (raw bytes); the last one is repeated. Keeps connections open.
Script Answering(std::vector<std::string> responses);

// A server on loopback that does what no well-behaved server would: the nth
// connection follows the nth script, further ones the last.
class FaultServer {
 public:
  struct Options {
    std::string address = "127.0.0.1";
    int port = 0;             // 0: any that is free
    std::string certificate;  // PEM file; empty: no TLS
    std::string key;          // PEM file
  };

  explicit FaultServer(Script script);
  explicit FaultServer(std::vector<Script> scripts);
  FaultServer(std::vector<Script> scripts, Options options);
  ~FaultServer();

  int port() const;
  // "http://127.0.0.1:4711/path", https with a certificate.
  std::string Url(std::string_view path = "/") const;

  int connections() const;
  std::vector<SeenRequest> requests() const;
  // False if that many have not come within 10 s.
  bool WaitForRequests(int count) const;
  bool WaitForConnections(int count) const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

using ResponseHeaders = std::vector<std::pair<std::string, std::string>>;

// A whole response with its Content-Length.
std::string Response(int status, std::string_view body,
                     ResponseHeaders headers = {
                         {"Content-Type", "application/json"}});
// The head alone, of a body that is sent in chunks.
std::string ChunkedHead(std::string_view content_type = "text/event-stream");
std::string Chunk(std::string_view bytes);
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";
// A whole event stream, one chunk an event, each "data: ...".
std::string SseResponse(const std::vector<std::string>& events);

}  // namespace coppice::testing
