#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "base/text.h"
#include "llm/classify.h"
#include "llm/codec.h"
#include "llm/codec_dialect.h"
#include "llm/codec_json.h"
#include "llm/http_url.h"
#include "llm/sse.h"

// One decoder for what claims to be a reply, one for what says it is not.
//
// A reply is read as events (SSE, or JSON a line) or as one JSON value. The
// content type decides, but servers get it wrong: whatever begins like JSON or
// a page is a whole body, unless the server's lines are JSON anyway, and a
// whole body that does not parse is tried as a stream. Nothing is decided
// before the first byte that is no blank, so that the same bytes give the
// same result however they are cut.

namespace coppice::llm {
namespace {

using wire::ErrorBody;
using wire::ErrorPlace;
using wire::Framing;

constexpr std::size_t kMostBytes = std::size_t{64} << 20;
constexpr std::size_t kMostErrorBytes = std::size_t{1} << 20;

bool TypeHas(const HttpHead& head, std::string_view part) {
  const auto type = FindHeader(head.headers, "content-type");
  return type && wire::Lower(*type).find(part) != std::string::npos;
}

// A response that is an error by its status.
class ErrorDecoder final : public ReplyDecoder {
 public:
  ErrorDecoder(HttpHead head, const Dropped& sent)
      : head_(std::move(head)), sent_(sent) {}

  bool Feed(std::string_view bytes) override {
    body_ += bytes.substr(0, kMostErrorBytes - body_.size());
    return body_.size() < kMostErrorBytes;
  }

  End Finish() override {
    End end;
    end.error = wire::Classify(wire::ReadErrorText(body_), head_,
                               ErrorPlace::kStatus, sent_);
    if (end.error.error == ErrorClass::kRedirect)
      end.error.message = Redirect();
    return end;
  }

 private:
  // Status and host only: the rest may be anything.
  std::string Redirect() const {
    const auto location = FindHeader(head_.headers, "location");
    std::string host = "an address on the same host";
    if (location) {
      const Result<HttpUrl> url = ParseHttpUrl(*location);
      if (url) host = url->host;
    }
    return fmt::format("status {} to {}: redirects are not followed",
                       head_.status, Redactor()(OneLine(host, 200)));
  }

  HttpHead head_;
  Dropped sent_;
  std::string body_;
};

class BodyDecoder final : public ReplyDecoder {
 public:
  BodyDecoder(HttpHead head, spec::Codec codec, const Dropped& sent)
      : head_(std::move(head)), dialect_(wire::DialectOf(codec)), sent_(sent) {}

  bool Feed(std::string_view bytes) override {
    if (Ended()) return false;
    const bool fits = bytes.size() <= kMostBytes - taken_;
    bytes = bytes.substr(0, kMostBytes - taken_);
    taken_ += bytes.size();
    if (IsStream()) {
      FeedStream(bytes);
    } else {
      held_ += bytes;
      if (shape_ == Shape::kUndecided) Decide();
      if (IsStream()) FeedStream(std::exchange(held_, {}));
    }
    if (!fits && !Ended()) too_large_ = true;
    return !Ended();
  }

  End Finish() override {
    if (shape_ == Shape::kWhole && !too_large_) ReadWhole();
    if (IsStream() && !Ended()) FinishStream();
    if (too_large_) {
      return Failed({.error = ErrorClass::kReplyTooLarge,
                     .status = head_.status,
                     .message = "the reply is too large"});
    }
    if (reading_.error) return Failed(Classified(*reading_.error));
    if (broken_ || (!IsStream() && !reading_.seen)) return Failed(Malformed());
    if (!IsComplete()) return Failed(Truncated());
    if (!reading_.seen) return Failed(Malformed());
    return Replied();
  }

 private:
  enum class Shape { kUndecided, kWhole, kSse, kLines };

  bool IsStream() const {
    return shape_ == Shape::kSse || shape_ == Shape::kLines;
  }
  bool Ended() const {
    return too_large_ || broken_ || reading_.done || reading_.error;
  }
  bool IsComplete() const {
    if (dialect_.framing == Framing::kLines) return reading_.done;
    if (shape_ == Shape::kWhole) return true;
    return reading_.done || (dialect_.ends_silently && reading_.finished);
  }

  // Blanks and a byte order mark in front go: servers send blanks for hours
  // to keep a connection open.
  void Decide() {
    constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
    held_.erase(0, held_.find_first_not_of(" \t\r\n"));
    if (kByteOrderMark.starts_with(held_)) return;
    if (held_.starts_with(kByteOrderMark)) {
      held_.erase(0, kByteOrderMark.size());
      return Decide();
    }
    const char c = held_.front();
    const bool looks_whole = c == '{' || c == '[' || c == '<';
    if (dialect_.framing == Framing::kLines && TypeHas(head_, "ndjson")) {
      shape_ = Shape::kLines;
    } else if (TypeHas(head_, "event-stream") && !looks_whole) {
      shape_ = Shape::kSse;
    } else {
      shape_ = Shape::kWhole;
    }
  }

  void ReadWhole() {
    if (const std::optional<Json> body = wire::ParseWire(held_)) {
      Read(*body, dialect_.read_whole);
      return;
    }
    const std::string body = std::exchange(held_, {});
    const std::string_view text = Trim(body);
    if (dialect_.framing == Framing::kLines && text.starts_with('{')) {
      shape_ = Shape::kLines;
    } else if (text.starts_with("data:") || text.starts_with("event:") ||
               text.starts_with(':')) {
      shape_ = Shape::kSse;
    } else {
      broken_ = true;
      held_ = body;  // for the message
      return;
    }
    FeedStream(body);
  }

  // `read` takes what is no error.
  template <class ReadReply>
  void Read(const Json& body, const ReadReply& read) {
    if (wire::IsErrorBody(body)) {
      reading_.error = wire::ReadErrorBody(body);
      // Only a usage that comes with the error is that of the whole call.
      reading_.usage.clear();
      reading_.KeepUsage(wire::Field(body, "usage"));
      return;
    }
    read(body, reading_);
  }

  void FeedStream(std::string_view bytes) {
    bool fits = true;
    if (shape_ == Shape::kSse) {
      std::vector<SseEvent> events;
      fits = sse_.Feed(bytes, events);
      Take(events);
    } else {
      std::vector<std::string> lines;
      fits = lines_.Feed(bytes, lines);
      Take(lines);
    }
    if (!fits && !Ended()) too_large_ = true;
  }

  void FinishStream() {
    at_end_ = true;
    if (shape_ == Shape::kSse) {
      std::vector<SseEvent> events;
      sse_.Finish(events);
      Take(events);
    } else {
      std::vector<std::string> lines;
      lines_.Finish(lines);
      Take(lines);
    }
  }

  void Take(const std::vector<SseEvent>& events) {
    for (const SseEvent& event : events) TakeEvent(event.name, event.data);
  }
  void Take(const std::vector<std::string>& lines) {
    for (const std::string& line : lines) TakeEvent("", line);
  }

  void TakeEvent(std::string_view name, std::string_view data) {
    if (Trim(data).empty() || reading_.done || reading_.error || broken_) {
      return;
    }
    if (!dialect_.end_mark.empty() && Trim(data) == dialect_.end_mark) {
      reading_.done = true;
      return;
    }
    const std::optional<Json> event = wire::ParseWire(data);
    if (!event) {
      // A last event without its end was cut; any other is not JSON.
      broken_ = !at_end_;
      return;
    }
    Read(*event, [this, name](const Json& body, wire::Reading& reading) {
      dialect_.read_event(name, body, reading);
    });
  }

  ApiError Classified(const ErrorBody& body) const {
    ApiError error = wire::Classify(body, head_, ErrorPlace::kInside, sent_);
    if (!reading_.usage.empty()) error.usage = Usage();
    return error;
  }

  // HTML, half a JSON, nothing, or JSON that is no reply: as a 502.
  ApiError Malformed() const {
    const ErrorBody body =
        wire::ReadErrorText(std::string_view(held_).substr(0, kMostErrorBytes));
    ApiError error{.error = ErrorClass::kServer, .status = head_.status};
    error.message = fmt::format(
        "no reply but {}", body.message.empty()
                               ? (taken_ == 0 ? "an empty body" : "other data")
                               : Redactor()(body.message));
    return error;
  }

  ApiError Truncated() const {
    return {.error = ErrorClass::kTruncatedStream,
            .status = head_.status,
            .message = "the stream ended before the reply did"};
  }

  TokenUsage Usage() const {
    const std::optional<Json> object = wire::ParseWire(reading_.usage);
    if (!object) return {.estimated = true};
    return dialect_.usage(*object);
  }

  static End Failed(ApiError error) { return {.error = std::move(error)}; }

  End Replied() {
    Reply reply{.text = wire::ValidText(reading_.text),
                .stop = reading_.stop,
                .stop_detail = reading_.StopDetail(),
                .usage = Usage(),
                .model = wire::Word(reading_.model),
                .notes = reading_.notes};
    return {.reply = std::move(reply)};
  }

  const HttpHead head_;
  const wire::Dialect& dialect_;
  const Dropped sent_;
  Shape shape_ = Shape::kUndecided;
  std::string held_;  // of a whole body, or before the shape is known
  std::size_t taken_ = 0;
  SseDecoder sse_;
  LineSplitter lines_;
  wire::Reading reading_;
  bool at_end_ = false;
  bool broken_ = false;  // not JSON where JSON must be
  bool too_large_ = false;
};

}  // namespace

std::unique_ptr<ReplyDecoder> MakeReplyDecoder(const HttpHead& head,
                                               spec::Codec codec,
                                               const Dropped& sent) {
  if (head.status < 200 || head.status > 299) {
    return std::make_unique<ErrorDecoder>(head, sent);
  }
  return std::make_unique<BodyDecoder>(head, codec, sent);
}

}  // namespace coppice::llm
