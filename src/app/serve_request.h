#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace coppice::app {

// What of a request matters here; nothing is decoded.
struct ServeRequest {
  std::string method;
  std::string target;  // path and query, as sent
  std::string host;
  std::string last_event_id;
};

// The head of one HTTP/1.1 request, from bytes in any pieces. Pure: no socket,
// no clock; nothing throws, whatever the bytes. A body is refused.
class ServeRequestReader {
 public:
  enum class State { kMore, kDone, kMalformed, kTooLarge };

  ServeRequestReader();
  ~ServeRequestReader();

  State Feed(std::string_view bytes);
  const ServeRequest& request() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

// Whose door it is: the token of its URL, and the port it listens at.
struct ServeDoor {
  std::string token;
  int port = 0;
};

// What is asked for.
struct ServeRoute {
  enum class Kind { kPage, kData, kEvents, kNode, kRefused };
  Kind kind = Kind::kRefused;
  std::int64_t number = 0;  // kNode: which; kEvents: the last record seen
  int status = 404;         // kRefused
};

// GET below /TOKEN/ alone, asked of this machine by name. The token is compared
// in a time that does not tell how much of it is right; a name of another host
// is a page elsewhere whose name was pointed here (DNS rebinding).
ServeRoute RouteOf(const ServeRequest& request, const ServeDoor& door);

// The head of an answer, with what keeps its content to itself; without a
// length where the answer ends with the connection.
std::string ServeHead(int status, std::string_view type,
                      std::optional<std::size_t> length);

}  // namespace coppice::app
