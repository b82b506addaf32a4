#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "llm/codec.h"

// From the bodies that servers send instead of a reply to a class of error.

namespace coppice::llm::wire {

// Whatever the shape (PROVIDERS §4), in one.
struct ErrorBody {
  std::vector<std::string> codes;  // code, then reasons of details
  std::vector<std::string> types;  // type, status
  std::string message;
  std::string param;
  std::optional<std::int64_t> limit;  // of tokens, as a field
  int status = 0;                     // an HTTP status told inside
  std::optional<Duration> retry_delay;
};

// Does this stand where a reply should? Any top-level error, or an object that
// says it is one.
bool IsErrorBody(const Json& body);
ErrorBody ReadErrorBody(const Json& body);
// JSON or not: of HTML and text what people can read.
ErrorBody ReadErrorText(std::string_view body);

// Where the error stood: a response that is one by its status, or inside of
// one that said 200.
enum class ErrorPlace { kStatus, kInside };
ApiError Classify(const ErrorBody& body, const HttpHead& head, ErrorPlace place,
                  const Dropped& sent);

}  // namespace coppice::llm::wire
