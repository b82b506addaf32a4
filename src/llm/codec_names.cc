#include <array>

#include "base/text.h"
#include "llm/codec.h"

namespace coppice::llm {
namespace {

// What a class asks for (PROVIDERS §4), in the order of ErrorClass.
struct ClassRow {
  std::string_view name;
  bool configuration = false;
  bool retried = false;
  bool feeds_breaker = false;
};
constexpr std::array<ClassRow, 17> kClasses{{
    {.name = "context_too_long"},
    {.name = "too_large"},
    {.name = "unsupported_param"},
    {.name = "bad_request"},
    {.name = "auth", .configuration = true},
    {.name = "billing", .configuration = true},
    {.name = "not_found", .configuration = true},
    {.name = "rate_limited", .retried = true},
    {.name = "overloaded", .retried = true, .feeds_breaker = true},
    {.name = "server", .retried = true, .feeds_breaker = true},
    {.name = "transient", .retried = true, .feeds_breaker = true},
    {.name = "truncated_stream", .retried = true, .feeds_breaker = true},
    {.name = "reply_too_large"},
    {.name = "unsupported_encoding", .configuration = true},
    {.name = "redirect", .configuration = true},
    {.name = "tls_config", .configuration = true},
    {.name = "cancelled"},
}};

const ClassRow& RowOf(ErrorClass error) {
  return kClasses[static_cast<std::size_t>(error)];
}

ErrorClass ClassOf(const HttpEnd& end) {
  switch (end.fault) {
    case HttpFault::kTls:
      return ErrorClass::kTlsConfig;
    case HttpFault::kProxy:
      return end.status == 407 ? ErrorClass::kAuth : ErrorClass::kTransient;
    case HttpFault::kTruncated:
      return ErrorClass::kTruncatedStream;
    case HttpFault::kTooLarge:
      return ErrorClass::kReplyTooLarge;
    case HttpFault::kEncoding:
      return ErrorClass::kUnsupportedEncoding;
    case HttpFault::kCancelled:
      return ErrorClass::kCancelled;
    case HttpFault::kUnsupported:
      return ErrorClass::kNotFound;
    case HttpFault::kNone:
    case HttpFault::kMalformed:
      return ErrorClass::kServer;
    case HttpFault::kResolve:
    case HttpFault::kConnect:
    case HttpFault::kHandshake:
    case HttpFault::kReset:
    case HttpFault::kIdle:
    case HttpFault::kTotal:
    case HttpFault::kCorrupt:
      return ErrorClass::kTransient;
  }
  return ErrorClass::kServer;
}

}  // namespace

std::string_view Name(StopReason stop) {
  constexpr std::array<std::string_view, 7> kNames = {
      "complete",  "truncated", "refused", "filtered",
      "tool_call", "paused",    "unknown"};
  return kNames[static_cast<std::size_t>(stop)];
}

std::string_view Name(ErrorClass error) { return RowOf(error).name; }
bool IsConfiguration(ErrorClass error) { return RowOf(error).configuration; }
bool IsRetried(ErrorClass error) { return RowOf(error).retried; }
bool FeedsBreaker(ErrorClass error) { return RowOf(error).feeds_breaker; }

bool IsRetried(const ApiError& error) {
  return error.should_retry.value_or(IsRetried(error.error));
}

ApiError FromTransport(const HttpEnd& end) {
  return {.error = ClassOf(end),
          .status = end.status,
          .message = Redactor()(Sanitize(end.detail))};
}

}  // namespace coppice::llm
