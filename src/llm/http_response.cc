#include "llm/http_response.h"

#include <fmt/format.h>
#include <strings.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <optional>
#include <stdexcept>

#include "llm/http_gzip.h"

// Beast's parser, fed by hand: a header is looked at once it is whole, a body
// leaves in pieces as it comes, and what does not make sense yet stays in a
// buffer with a cap.

namespace coppice::llm {
namespace {

namespace http = boost::beast::http;

constexpr std::uint32_t kHeaderLimit = std::uint32_t{64} << 10;
constexpr std::size_t kBodyLimit = std::size_t{64} << 20;
constexpr std::size_t kBufferLimit = std::size_t{1} << 20;
constexpr std::size_t kPieceSize = std::size_t{16} << 10;
constexpr int kProxyAuthentication = 407;

using Parser = http::response_parser<http::buffer_body>;

bool SameWord(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

HttpHead HeadOf(const Parser& parser) {
  HttpHead head;
  head.status = static_cast<int>(parser.get().result_int());
  for (const auto& field : parser.get()) {
    head.headers.emplace_back(field.name_string(), field.value());
  }
  return head;
}

HttpFault FaultOf(boost::beast::error_code error) {
  return error == http::error::header_limit ? HttpFault::kTooLarge
                                            : HttpFault::kMalformed;
}

}  // namespace

struct HttpResponseReader::Parts {
  Parts(HttpSink& s, Options o) : sink(s), options(o) { Begin(); }

  void Begin();
  State Fail(HttpFault fault, std::string detail);
  bool hungry() const;
  void Step();
  void TellHead();
  void ChooseCoding(const HttpHead& head);
  void TellBody(std::string_view bytes);
  void Complete();

  HttpSink& sink;
  const Options options;
  boost::beast::flat_buffer buffer{kBufferLimit};
  std::optional<Parser> parser;
  std::optional<Gunzip> gunzip;
  State state = State::kMore;
  bool heard = false;
  bool told_head = false;
  std::size_t received = 0;  // of the body, as it was sent
  bool starved = false;      // what the buffer holds makes no sense yet
  HttpEnd end;
};

void HttpResponseReader::Parts::Begin() {
  parser.emplace();
  parser->header_limit(kHeaderLimit);
  parser->body_limit(boost::none);  // Beast counts some bytes twice
  if (options.no_body) parser->skip(true);
}

HttpResponseReader::State HttpResponseReader::Parts::Fail(HttpFault fault,
                                                          std::string detail) {
  state = State::kFailed;
  end = {.fault = fault, .detail = std::move(detail)};
  return state;
}

// One header, or one piece of a body.
void HttpResponseReader::Parts::Step() {
  std::array<char, kPieceSize> piece;
  http::buffer_body::value_type& body = parser->get().body();
  body.data = piece.data();
  body.size = piece.size();
  boost::beast::error_code error;
  std::size_t taken = 0;
  try {
    taken = parser->put(buffer.data(), error);
  } catch (const std::length_error&) {  // a field beyond Beast's 64 KB
    Fail(HttpFault::kTooLarge, "a header field is too long");
    return;
  }
  const std::string_view got(piece.data(), piece.size() - body.size);
  body.data = nullptr;
  buffer.consume(taken);
  starved = error == http::error::need_more;
  if (error && !starved && error != http::error::need_buffer) {
    Fail(FaultOf(error), error.message());
    return;
  }
  if (!told_head && parser->is_header_done()) TellHead();
  if (state == State::kMore && !got.empty()) TellBody(got);
  if (state == State::kMore && parser->is_done()) Complete();
}

bool HttpResponseReader::Parts::hungry() const {
  return state != State::kFailed && !parser->is_done() && !starved &&
         buffer.size() > 0;
}

void HttpResponseReader::Parts::TellHead() {
  HttpHead head = HeadOf(*parser);
  if (head.status == 101) {
    Fail(HttpFault::kMalformed, "the server changes protocols unasked");
  } else if (head.status / 100 == 1) {
    Begin();
  } else if (options.through_proxy && head.status == kProxyAuthentication) {
    Fail(HttpFault::kProxy, "the proxy asks for a user name and password");
    end.status = head.status;
  } else {
    told_head = true;
    sink.OnHead(head);
    ChooseCoding(head);
    if (parser->content_length().value_or(0) > kBodyLimit) {
      Fail(HttpFault::kTooLarge, "the body is larger than 64 MB");
    }
  }
}

void HttpResponseReader::Parts::ChooseCoding(const HttpHead& head) {
  const auto transfer = FindHeader(head.headers, "transfer-encoding");
  if (transfer && !SameWord(*transfer, "chunked")) {
    Fail(HttpFault::kEncoding,
         fmt::format("transfer coding {:.40}", *transfer));
    return;
  }
  const auto coding = FindHeader(head.headers, "content-encoding");
  if (!coding || coding->empty() || SameWord(*coding, "identity")) return;
  if (SameWord(*coding, "gzip") || SameWord(*coding, "x-gzip")) {
    gunzip.emplace(kBodyLimit);
    return;
  }
  Fail(HttpFault::kEncoding, fmt::format("content coding {:.40}", *coding));
}

void HttpResponseReader::Parts::TellBody(std::string_view bytes) {
  received += bytes.size();
  if (received > kBodyLimit) {
    Fail(HttpFault::kTooLarge, "the body is larger than 64 MB");
    return;
  }
  if (!gunzip) {
    if (!sink.OnBody(bytes)) state = State::kStopped;
    return;
  }
  const auto out = [this](std::string_view made) { return sink.OnBody(made); };
  switch (gunzip->Feed(bytes, out)) {
    case Gunzip::State::kMore:
      break;
    case Gunzip::State::kStopped:
      state = State::kStopped;
      break;
    case Gunzip::State::kCorrupt:
      Fail(HttpFault::kCorrupt, "the gzip body does not unpack");
      break;
    case Gunzip::State::kTooLarge:
      Fail(HttpFault::kTooLarge, "the body is larger than 64 MB unpacked");
      break;
  }
}

void HttpResponseReader::Parts::Complete() {
  if (gunzip && received > 0 && !gunzip->complete()) {
    Fail(HttpFault::kCorrupt, "the gzip body ends too soon");
    return;
  }
  state = State::kDone;
}

HttpResponseReader::HttpResponseReader(HttpSink& sink, Options options)
    : parts_(std::make_unique<Parts>(sink, options)) {}

HttpResponseReader::~HttpResponseReader() = default;

HttpResponseReader::State HttpResponseReader::Feed(std::string_view bytes) {
  Parts& p = *parts_;
  if (p.state == State::kFailed) return p.state;
  if (bytes.size() > kBufferLimit - p.buffer.size()) {
    return p.Fail(HttpFault::kTooLarge, "a line of the framing has no end");
  }
  const auto room = p.buffer.prepare(bytes.size());
  p.buffer.commit(boost::asio::buffer_copy(
      room, boost::asio::const_buffer(bytes.data(), bytes.size())));
  p.heard = true;
  p.starved = false;
  while (p.hungry()) p.Step();
  return p.state;
}

HttpResponseReader::State HttpResponseReader::Finish(StreamEnd how) {
  Parts& p = *parts_;
  if (p.state != State::kMore) return p.state;
  if (how == StreamEnd::kLost) {
    return p.Fail(HttpFault::kReset, "the connection was lost");
  }
  if (!p.heard) {
    return p.Fail(HttpFault::kReset, "closed without an answer");
  }
  if (!p.told_head || !p.parser->need_eof()) {
    return p.Fail(HttpFault::kTruncated, "closed in the middle of a response");
  }
  if (how == StreamEnd::kCut) {
    return p.Fail(HttpFault::kTruncated,
                  "TLS was cut before the end of the response");
  }
  boost::beast::error_code error;
  p.parser->put_eof(error);
  p.Complete();
  return p.state;
}

HttpResponseReader::State HttpResponseReader::state() const {
  return parts_->state;
}

const HttpEnd& HttpResponseReader::end() const { return parts_->end; }

bool HttpResponseReader::heard() const { return parts_->heard; }

bool HttpResponseReader::answering() const {
  return parts_->told_head || parts_->parser->got_some();
}

bool HttpResponseReader::exhausted() const {
  const Parts& p = *parts_;
  return p.state != State::kFailed && p.parser->is_done() &&
         p.buffer.size() == 0;
}

bool HttpResponseReader::reusable() const {
  return exhausted() && parts_->parser->keep_alive();
}

}  // namespace coppice::llm
