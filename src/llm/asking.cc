#include "llm/asking.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "llm/conversation.h"

// A request that failed is followed by what its failure asks for:
//
//   a parameter refused  left out, without counting
//   the server is out    waited for, at most five times within the deadline;
//                        then the endpoint rests
//   our configuration    nobody asks until the user has changed it
//   too long a prompt    whoever asks may come back with less
//
// Failed requests on record are passed over, so that a conversation that is
// taken up again goes on where it was.

namespace coppice::llm {
namespace {

constexpr int kRetries = 5;
constexpr int kRungs = 3;
constexpr int kBadRequests = 3;
constexpr double kLongestBackoff = 60;
constexpr int kStatedPromptTokens = 3000;  // below this nothing clips
constexpr double kClipped = 0.6;

Heard Refuse(std::string reason) {
  Heard heard;
  heard.refusal = std::move(reason);
  return heard;
}

Heard Out(std::string cause, std::string reason) {
  Heard heard;
  heard.unavailable.emplace();
  heard.unavailable->cause = std::move(cause);
  heard.unavailable->reason = std::move(reason);
  return heard;
}

}  // namespace

Asking::Asking(Parts parts, Call call)
    : parts_(std::move(parts)), call_(std::move(call)) {
  if (const auto& most = parts_.endpoint.profile().max_output) {
    call_.max_output_tokens = static_cast<int>(
        std::min<std::int64_t>(*most, call_.max_output_tokens));
  }
}

Task<Heard> Asking::Ask(std::vector<Utterance> parts, std::string role) {
  while (true) {
    std::optional<Heard> heard;
    if (const Answered* past = parts_.log.Past(turn_)) {
      ++turn_;
      if (past->stop.starts_with("failed")) continue;
      heard.emplace();
      heard->text = past->text;
      heard->stop = past->stop;
    } else {
      heard = co_await AskOnce(parts, role);
    }
    if (heard) co_return std::move(*heard);
  }
}

// Sleeps in slices, so that a search that ends does not wait for it.
Task<void> Asking::SleepUntil(Instant when) {
  Clock& clock = parts_.clock;
  while (clock.Now() < when && !parts_.log.closed()) {
    const Instant slice = clock.Now() + std::chrono::seconds(1);
    co_await clock.SleepUntil(std::min(slice, when));
  }
}

Heard Asking::Outage(std::string_view what) const {
  return Out("outage",
             fmt::format("{}: {}", parts_.endpoint.profile().provider, what));
}

// Waits for the rate gate. An end if there is no waiting for it.
Task<std::optional<Heard>> Asking::PassGate(std::int64_t tokens) {
  Endpoint& endpoint = parts_.endpoint;
  while (true) {
    const Instant now = parts_.clock.Now();
    if (endpoint.breaker().RestsUntil(now)) co_return Outage("it rests");
    const Instant opens = endpoint.gate().Opens(now, tokens);
    if (opens <= now) co_return std::nullopt;
    if (opens >= parts_.deadline) {
      endpoint.breaker().RestUntil(opens);
      co_return Outage("the wait it states is longer than an attempt");
    }
    LogInfo(fmt::format("{} waits {:.1f} s for its rate limit",
                        endpoint.profile().model,
                        std::chrono::duration<double>(opens - now).count()));
    co_await SleepUntil(opens);
    if (parts_.log.closed()) co_return Out("closing", "");
  }
}

// One request, recorded on both sides. Nothing: ask again.
Task<std::optional<Heard>> Asking::AskOnce(const std::vector<Utterance>& parts,
                                           const std::string& role) {
  Clock& clock = parts_.clock;
  CallLog& log = parts_.log;
  Endpoint& endpoint = parts_.endpoint;
  if (clock.Now() >= parts_.deadline) co_return Refuse("deadline");
  const std::int64_t bytes = Bytes(parts);
  const std::int64_t tokens = endpoint.estimator().Tokens(bytes);
  std::optional<Answered> known =
      co_await log.Known(Reservation(parts, role, tokens));
  if (known)
    co_return co_await TakeOver(std::move(*known), parts, role, tokens);
  Semaphore::Permit permit;
  while (true) {  // the gate may close while others hold all permits
    std::optional<Heard> shut = co_await PassGate(tokens);
    if (shut) co_return shut;
    permit = co_await parts_.requests.Acquire();
    const Instant now = clock.Now();
    if (endpoint.gate().Opens(now, tokens) <= now) break;
    permit.Release();
  }
  Asked asked = Reservation(parts, role, tokens);
  const double reserve = asked.reserve_usd;
  const std::int64_t reserve_tokens = asked.reserve_tokens;
  const bool granted = co_await log.Ask(std::move(asked));
  if (!granted) co_return Out(log.closed() ? "closing" : "budget", "");
  if (clock.Now() >= parts_.deadline) {  // money was waited for all this time
    log.Answer({.turn = turn_++, .stop = "failed: deadline"});
    co_return Refuse("deadline");
  }

  call_.messages = Messages(parts);
  call_.estimated_input = tokens;
  const Duration limit =
      std::min<Duration>(parts_.deadline - clock.Now(), parts_.request_limit);
  const Endpoint::Exchange exchange = co_await endpoint.Send(call_, limit);
  permit.Release();
  Answered answered = Settled(exchange, bytes, reserve, reserve_tokens);
  Heard heard;
  heard.text = answered.text;
  heard.stop = answered.stop;
  log.Answer(std::move(answered));
  ++turn_;
  if (!exchange.reply) co_return co_await React(exchange.error);
  retries_ = 0;
  co_return heard;
}

// An answer that is known already, on record as if it had just come.
Task<std::optional<Heard>> Asking::TakeOver(Answered known,
                                            const std::vector<Utterance>& parts,
                                            const std::string& role,
                                            std::int64_t tokens) {
  Asked asked = Reservation(parts, role, tokens);
  const bool granted = co_await parts_.log.Ask(std::move(asked));
  if (!granted) co_return Out(parts_.log.closed() ? "closing" : "budget", "");
  Heard heard;
  heard.text = known.text;
  heard.stop = known.stop;
  known.turn = turn_++;
  parts_.log.Answer(std::move(known));
  retries_ = 0;
  co_return heard;
}

Asked Asking::Reservation(const std::vector<Utterance>& parts,
                          const std::string& role, std::int64_t tokens) const {
  const spec::ModelProfile& profile = parts_.endpoint.profile();
  Asked asked;
  asked.turn = turn_;
  asked.model = parts_.model;
  asked.role = role;
  asked.prompt = parts;
  asked.reserve_tokens = tokens + call_.max_output_tokens;
  asked.price_unknown = !profile.price;
  if (profile.price) {
    asked.reserve_usd = spec::ToUsd(WorstCostOf(tokens, call_.max_output_tokens,
                                                *profile.price, profile.codec));
  }
  return asked;
}

// The record of what an exchange brought, and its cost.
Answered Asking::Settled(const Endpoint::Exchange& exchange, std::int64_t bytes,
                         double reserve, std::int64_t reserve_tokens) {
  Endpoint& endpoint = parts_.endpoint;
  const spec::ModelProfile& profile = endpoint.profile();
  Answered answered;
  answered.turn = turn_;
  answered.request_id = exchange.request_id;
  answered.usage.seconds = exchange.seconds;
  answered.usage.usd_unknown = !profile.price;
  using Charge = Endpoint::Exchange::Charge;
  if (exchange.charge == Charge::kReservation) {
    answered.usage.usd = reserve;
    answered.usage.input = reserve_tokens;
    answered.usage.estimated = true;
  } else if (exchange.charge == Charge::kUsage) {
    TokenUsage usage =
        exchange.reply ? exchange.reply->usage : *exchange.error.usage;
    if (usage.estimated) {
      usage.input_total = endpoint.estimator().Tokens(bytes);
      usage.output_total =
          endpoint.estimator().Tokens(static_cast<std::int64_t>(
              exchange.reply ? exchange.reply->text.size() : 0));
    } else if (usage.input_total > 0) {
      endpoint.estimator().Observe(bytes, usage.input_total);
    }
    answered.usage.input = usage.input_total;
    answered.usage.output = usage.output_total;
    answered.usage.cached = usage.cached_read;
    answered.usage.estimated = usage.estimated;
    if (usage.provider_cost) {
      answered.usage.usd = spec::ToUsd(*usage.provider_cost);
      answered.usage.usd_unknown = false;
    } else if (profile.price) {
      answered.usage.usd =
          spec::ToUsd(CostOf(usage, *profile.price, profile.codec));
    }
    if (usage.suspect) answered.flags.emplace_back("usage_suspect");
  }
  if (exchange.reply) {
    answered.text = exchange.reply->text;
    answered.stop = StopOf(*exchange.reply);
    if (Clipped(exchange.reply->usage)) answered.stop = "context_clipped";
  } else {
    answered.stop = fmt::format("failed: {}", Name(exchange.error.error));
  }
  return answered;
}

// A local server that dropped part of the prompt without a word.
bool Asking::Clipped(const TokenUsage& usage) const {
  return parts_.endpoint.profile().codec == spec::Codec::kOllama &&
         !usage.estimated && call_.estimated_input > kStatedPromptTokens &&
         static_cast<double>(usage.input_total) <
             kClipped * static_cast<double>(call_.estimated_input);
}

// What a failed request asks for (PROVIDERS §4).
Task<std::optional<Heard>> Asking::React(const ApiError& error) {
  switch (error.error) {
    case ErrorClass::kCancelled:
      co_return Out("closing", "");
    case ErrorClass::kUnsupportedParam:
      if (rungs_++ < kRungs && parts_.endpoint.Drop(error, call_)) {
        co_return std::nullopt;
      }
      co_return BadRequest(error);
    case ErrorClass::kContextTooLong:
    case ErrorClass::kTooLarge: {
      Heard heard;
      heard.too_long = error;
      co_return heard;
    }
    case ErrorClass::kReplyTooLarge:
      co_return Refuse("reply_too_large");
    case ErrorClass::kBadRequest:
      break;
    default:
      if (IsConfiguration(error.error)) co_return SwitchedOff(error);
  }
  const bool again = error.should_retry.value_or(IsRetried(error.error));
  if (!again && error.error == ErrorClass::kBadRequest) {
    co_return BadRequest(error);
  }
  if (!again && !IsRetried(error.error)) co_return SwitchedOff(error);
  co_return co_await WaitToRetry(error, again);
}

Task<std::optional<Heard>> Asking::WaitToRetry(const ApiError& error,
                                               bool again) {
  Endpoint& endpoint = parts_.endpoint;
  const double jitter = parts_.backoff.Uniform();
  endpoint.Heed(error, jitter);
  const Instant now = parts_.clock.Now();
  if (endpoint.breaker().RestsUntil(now)) co_return Outage(Name(error.error));
  if (!again || ++retries_ > kRetries) {
    endpoint.breaker().Rest(now);
    co_return Outage(Name(error.error));
  }
  const double seconds =
      error.retry_after
          ? 0  // the gate knows
          : (0.5 + 0.5 * jitter) *
                std::min(kLongestBackoff, std::exp2(retries_ - 1));
  const Instant next = now + std::chrono::duration_cast<Duration>(
                                 std::chrono::duration<double>(seconds));
  if (next >= parts_.deadline) {
    endpoint.breaker().Rest(now);
    co_return Outage(Name(error.error));
  }
  LogInfo(fmt::format("{} waits {:.1f} s after {} (retry {} of {})",
                      endpoint.profile().model, seconds, Name(error.error),
                      retries_, kRetries));
  co_await SleepUntil(next);
  co_return std::nullopt;
}

Heard Asking::BadRequest(const ApiError& error) const {
  if (parts_.endpoint.bad_requests >= kBadRequests) return SwitchedOff(error);
  return Refuse(fmt::format("bad_request: {}", OneLine(error.message, 200)));
}

Heard Asking::SwitchedOff(const ApiError& error) const {
  const Endpoint& endpoint = parts_.endpoint;
  const spec::ModelProfile& profile = endpoint.profile();
  const std::string& variable = endpoint.credentials().variable;
  std::string reason = fmt::format("{} for model {} at {}", Name(error.error),
                                   profile.model, endpoint.base_url());
  if (error.status != 0) reason += fmt::format(" (status {})", error.status);
  reason += ": " + OneLine(error.message, 300);
  Heard heard = Out(std::string(Name(error.error)), "");
  heard.unavailable->off = true;
  if (error.error == ErrorClass::kAuth || error.error == ErrorClass::kBilling) {
    reason += variable.empty() ? "; no key was sent"
                               : "; the key came from " + variable;
    heard.unavailable->shared = profile.provider + " " + variable;
  }
  heard.unavailable->reason = std::move(reason);
  return heard;
}

}  // namespace coppice::llm
