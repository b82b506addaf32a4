#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "llm/http_client.h"
#include "spec/models.h"

// The wire formats of model servers as pure functions: a call to bytes, bytes
// to a reply or an error. No socket, no clock, no file (PROVIDERS §1 to §4).
// Nothing here throws, whatever the bytes.

namespace coppice::llm {

enum class Role { kSystem, kUser, kAssistant };

struct Message {
  Role role = Role::kUser;
  std::string text;

  friend bool operator==(const Message&, const Message&) = default;
};

// Answers as JSON of a given shape; the judge's.
struct JsonSchema {
  std::string name;    // ≤ 64 of [A-Za-z0-9_-]
  std::string schema;  // JSON text
};

struct Call {
  std::vector<Message> messages;  // system first
  int max_output_tokens = 16000;
  std::optional<double> temperature;
  std::optional<JsonSchema> schema;
  std::string cache_key;             // run id; may be empty
  std::int64_t estimated_input = 0;  // tokens; sizes Ollama's context
};

// What a server turned out not to take; remembered per provider and model
// (the drop ladder). `Drop` takes the rung that a refusal names, if there is
// one that was sent and not taken yet.
struct Dropped {
  bool temperature = false;
  bool effort = false;
  bool schema = false;
  bool stream_options = false;
  bool swapped_max_tokens = false;
  bool system_role = false;  // developer -> system

  friend bool operator==(const Dropped&, const Dropped&) = default;
};

// The key as it goes into headers; empty: no auth header at all.
struct Credentials {
  std::string key;
  std::string variable;  // where it came from, for messages
  bool bearer = false;   // Anthropic: Authorization instead of x-api-key
  std::string organization, project;  // OpenAI
};

// `base_url` is normalised (NormaliseBaseUrl).
HttpRequest Encode(const Call& call, const spec::ModelProfile& profile,
                   std::string_view base_url, const Credentials& credentials,
                   const Dropped& dropped);

// The one right base for a codec, from whatever users and variables write
// (PROVIDERS §1 "Base URL"). `warning` is set when an endpoint was cut back.
struct BaseUrl {
  std::string url;  // without final '/'
  std::string warning;
};
Result<BaseUrl> NormaliseBaseUrl(std::string_view written, spec::Codec codec,
                                 bool exact);
// Error (kUsage): http to another machine with a key (PC-48).
Result<void> CheckPlainHttp(std::string_view base_url, bool has_key,
                            bool allowed);

enum class StopReason {
  kComplete,
  kTruncated,
  kRefused,
  kFiltered,
  kToolCall,
  kPaused,
  kUnknown
};
std::string_view Name(StopReason stop);

// Normalised: every dialect gives the same numbers for the same call. In
// tokens; output includes reasoning, input includes cached and written.
struct TokenUsage {
  std::int64_t input_total = 0;
  std::int64_t cached_read = 0;
  std::int64_t cache_write_5m = 0;
  std::int64_t cache_write_1h = 0;
  std::int64_t output_total = 0;
  std::int64_t reasoning = 0;
  std::optional<spec::Picodollars> provider_cost;
  bool estimated = false;  // the server told nothing
  bool suspect = false;    // negative, fractional, or cached > input: clamped
  std::string raw;         // the server's own object, JSON

  friend bool operator==(const TokenUsage&, const TokenUsage&) = default;
};

struct Reply {
  std::string text;  // valid UTF-8
  StopReason stop = StopReason::kUnknown;
  std::string stop_detail;         // the server's own word
  TokenUsage usage;                // `estimated`, and zero, where untold
  std::string model;               // as the server names it; may be empty
  std::vector<std::string> notes;  // unknown enum values seen, for the log
};

enum class ErrorClass {
  kContextTooLong,
  kTooLarge,
  kUnsupportedParam,
  kBadRequest,
  kAuth,
  kBilling,
  kNotFound,
  kRateLimited,
  kOverloaded,
  kServer,
  kTransient,
  kTruncatedStream,
  kReplyTooLarge,
  kUnsupportedEncoding,
  kRedirect,
  kTlsConfig,
  kCancelled
};
std::string_view Name(ErrorClass error);

// What the class asks for (PROVIDERS §4).
bool IsConfiguration(ErrorClass error);  // the arm goes off
bool IsRetried(ErrorClass error);
bool FeedsBreaker(ErrorClass error);

struct ApiError {
  ErrorClass error = ErrorClass::kServer;
  int status = 0;
  std::string code;                         // the body's own
  std::string message;                      // redacted, ≤ 2 KB
  std::string param;                        // kUnsupportedParam
  std::optional<std::int64_t> token_limit;  // kContextTooLong, as stated
  std::optional<bool> should_retry;         // x-should-retry
  std::optional<Duration> retry_after;      // stated, clamped, no jitter
  // Provider-reported usage of a failed call, if any: billed as stated.
  std::optional<TokenUsage> usage;
};

// By class, unless the server says otherwise (x-should-retry).
bool IsRetried(const ApiError& error);

// An exchange that brought no usable HTTP response.
ApiError FromTransport(const HttpEnd& end);

// Takes one response, streamed or whole, in any pieces.
class ReplyDecoder {
 public:
  virtual ~ReplyDecoder() = default;
  // False: enough has been seen (terminal marker, an error, a cap).
  virtual bool Feed(std::string_view bytes) = 0;
  // The end of the response. Either a reply or an error.
  struct End {
    std::optional<Reply> reply;
    ApiError error;  // meaningful without a reply
  };
  virtual End Finish() = 0;
};
// By status, content type and codec: errors, whole replies, SSE, NDJSON.
std::unique_ptr<ReplyDecoder> MakeReplyDecoder(const HttpHead& head,
                                               spec::Codec codec,
                                               const Dropped& sent);

// The rung that `error` names, taken; false if it names none that is left.
bool Drop(const ApiError& error, const spec::ModelProfile& profile,
          const Call& call, Dropped& dropped);

// Stated wait: retry-after-ms > retry-after (number, HTTP-date against the
// response's own Date) > Gemini's retryDelay > reset headers of an exhausted
// bucket; never negative (PROVIDERS §5).
std::optional<Duration> StatedWait(const HttpHeaders& headers,
                                   std::string_view body);

// What rate headers say is left (PROVIDERS §5). Absent: nothing.
struct RateState {
  std::optional<std::int64_t> requests, tokens;
  std::optional<Duration> requests_reset, tokens_reset;  // from now
};
RateState ReadRateHeaders(const HttpHeaders& headers);

// "x-request-id" or "request-id"; empty if none.
std::string RequestId(const HttpHeaders& headers);

// What the call cost (PROVIDERS §6 "Arithmetic").
spec::Picodollars CostOf(const TokenUsage& usage, const spec::TokenPrice& price,
                         spec::Codec codec);
// What it may cost at worst.
spec::Picodollars WorstCostOf(std::int64_t input_tokens, int max_output_tokens,
                              const spec::TokenPrice& price, spec::Codec codec);

// Tokens of a text nobody counted: bytes / 2 until five observations of the
// model, then 1.1 times what was seen (EWMA, α 0.2, 1.5 to 6 bytes a token) if
// that is more than bytes / 3.
class TokenEstimator {
 public:
  void Observe(std::int64_t bytes, std::int64_t tokens);
  std::int64_t Tokens(std::int64_t bytes) const;

 private:
  int seen_ = 0;
  double tokens_per_byte_ = 0;
};

// Known values and what looks like a key become [REDACTED].
class Redactor {
 public:
  void Hold(std::string value);
  std::string operator()(std::string_view text) const;

 private:
  std::vector<std::string> held_;
};

}  // namespace coppice::llm
