#include "app/serve_request.h"

#include <fmt/format.h>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <charconv>

// Beast's parser fed by hand, as in llm/http_response.cc: its own reading and
// writing of sockets costs half a minute of compile time and is not needed.

namespace coppice::app {
namespace {

namespace http = boost::beast::http;

constexpr std::uint32_t kHeadLimit = std::uint32_t{16} << 10;

std::string_view ReasonOf(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 405:
      return "Method Not Allowed";
    case 431:
      return "Request Header Fields Too Large";
    case 503:
      return "Service Unavailable";
    default:
      return status == 404 ? "Not Found" : "Internal Server Error";
  }
}

// The time follows the length of `given` alone.
bool SameSecret(std::string_view given, std::string_view secret) {
  unsigned difference = given.size() == secret.size() ? 0U : 1U;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const char against = secret.empty() ? '\0' : secret[i % secret.size()];
    difference |= static_cast<unsigned char>(given[i]) ^
                  static_cast<unsigned char>(against);
  }
  return difference == 0;
}

std::optional<std::int64_t> Number(std::string_view text) {
  std::int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || at != end || number < 0) return std::nullopt;
  return number;
}

// A browser leaves out the port that HTTP has anyway.
bool IsHere(std::string_view host, std::string_view name, int port) {
  return host == fmt::format("{}:{}", name, port) ||
         (port == 80 && host == name);
}

ServeRoute Refused(int status) { return {.status = status}; }

ServeRoute Events(const ServeRequest& request, std::string_view query) {
  ServeRoute route{.kind = ServeRoute::Kind::kEvents};
  // What the browser saw last outlives the address it began with.
  std::optional<std::int64_t> seen = Number(request.last_event_id);
  if (!seen && query.starts_with("since=")) seen = Number(query.substr(6));
  route.number = seen.value_or(0);
  return route;
}

}  // namespace

struct ServeRequestReader::Parts {
  http::request_parser<http::empty_body> parser;
  std::string waiting;
  ServeRequest request;
};

ServeRequestReader::ServeRequestReader() : parts_(std::make_unique<Parts>()) {
  parts_->parser.header_limit(kHeadLimit);
  parts_->parser.body_limit(0);
}

ServeRequestReader::~ServeRequestReader() = default;

ServeRequestReader::State ServeRequestReader::Feed(std::string_view bytes) {
  auto& parser = parts_->parser;
  parts_->waiting += bytes;
  boost::system::error_code error;
  const std::size_t used =
      parser.put(boost::asio::buffer(parts_->waiting), error);
  parts_->waiting.erase(0, used);
  if (error == http::error::need_more) {
    return parts_->waiting.size() > kHeadLimit ? State::kTooLarge
                                               : State::kMore;
  }
  if (error == http::error::header_limit) return State::kTooLarge;
  if (error) return State::kMalformed;
  if (!parser.is_done()) {
    return parser.is_header_done() ? State::kMalformed : State::kMore;
  }
  const auto& head = parser.get();
  parts_->request = {.method = std::string(head.method_string()),
                     .target = std::string(head.target()),
                     .host = std::string(head[http::field::host]),
                     .last_event_id = std::string(head["Last-Event-ID"])};
  return State::kDone;
}

const ServeRequest& ServeRequestReader::request() const {
  return parts_->request;
}

ServeRoute RouteOf(const ServeRequest& request, const ServeDoor& door) {
  using Kind = ServeRoute::Kind;
  if (!IsHere(request.host, "127.0.0.1", door.port) &&
      !IsHere(request.host, "localhost", door.port)) {
    return Refused(403);
  }
  const std::string_view target = request.target;
  const std::string_view path = target.substr(0, target.find('?'));
  const std::string_view query =
      path.size() < target.size() ? target.substr(path.size() + 1) : "";
  const std::size_t slash = path.find('/', 1);
  if (!path.starts_with('/') || slash == std::string_view::npos ||
      !SameSecret(path.substr(1, slash - 1), door.token)) {
    return Refused(404);
  }
  if (request.method != "GET") return Refused(405);
  const std::string_view rest = path.substr(slash + 1);
  if (rest.empty()) return {.kind = Kind::kPage};
  if (rest == "data") return {.kind = Kind::kData};
  if (rest == "events") return Events(request, query);
  if (rest.starts_with("node/")) {
    if (std::optional<std::int64_t> node = Number(rest.substr(5))) {
      return {.kind = Kind::kNode, .number = *node};
    }
  }
  return Refused(404);
}

std::string ServeHead(int status, std::string_view type,
                      std::optional<std::size_t> length) {
  std::string head = fmt::format(
      "HTTP/1.1 {} {}\r\n"
      "Content-Type: {}\r\n"
      "Cache-Control: no-store\r\n"
      "Connection: close\r\n"
      "Content-Security-Policy: frame-ancestors 'none'\r\n"
      "Cross-Origin-Resource-Policy: same-origin\r\n"
      "Cross-Origin-Opener-Policy: same-origin\r\n"
      "Referrer-Policy: no-referrer\r\n"
      "X-Content-Type-Options: nosniff\r\n"
      "X-Frame-Options: DENY\r\n",
      status, ReasonOf(status), type);
  if (status == 405) head += "Allow: GET\r\n";
  if (length) head += fmt::format("Content-Length: {}\r\n", *length);
  return head + "\r\n";
}

}  // namespace coppice::app
