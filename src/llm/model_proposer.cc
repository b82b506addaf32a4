#include "llm/model_proposer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "base/log.h"
#include "base/rng.h"
#include "base/text.h"
#include "llm/conversation.h"
#include "llm/edit_session.h"
#include "llm/shrink.h"

// One attempt at one model is a loop over turns. A turn is one request, taken
// from the record if it stands there, else made. What it brought decides the
// next one:
//
//   a complete answer    its edits; blocks that fail are asked for again, at
//                        most edit_retries times
//   no usable answer     (empty, refused, truncated) told so once
//   a parameter refused  left out, without counting
//   too long a prompt    cut to 70 % of what is allowed, twice
//   the server is out    waited for, at most five times within the deadline;
//                        then the arm rests and another takes the attempt
//   our configuration    the arm goes off
//
// One deadline spans all of it. Failed requests on record are passed over, so
// that an attempt that comes back to the arm goes on where it was.

namespace coppice::llm {
namespace {

constexpr int kRetries = 5;
constexpr int kRungs = 3;
constexpr int kShrinks = 2;
constexpr int kPauses = 3;
constexpr int kBadRequests = 3;
constexpr double kShrinkTo = 0.7;
constexpr double kLongestBackoff = 60;
constexpr int kStatedPromptTokens = 3000;  // below this nothing clips
constexpr double kClipped = 0.6;

Proposed Refuse(std::string reason) {
  Proposed proposed;
  proposed.refusal.reason = std::move(reason);
  return proposed;
}

Proposed Out(std::string cause, std::string reason, bool off = false) {
  Proposed proposed;
  proposed.unavailable.emplace();
  proposed.unavailable->cause = std::move(cause);
  proposed.unavailable->reason = std::move(reason);
  proposed.unavailable->off = off;
  return proposed;
}

Speaker SpeakerOf(const PromptSection& section) {
  return section.system ? Speaker::kSystem : Speaker::kUser;
}

class Attempt;

class ModelProposer final : public Proposer {
 public:
  ModelProposer(spec::ModelArm arm, spec::Proposal proposal,
                std::unique_ptr<Endpoint> endpoint, ModelParts parts)
      : arm_(std::move(arm)),
        proposal_(std::move(proposal)),
        endpoint_(std::move(endpoint)),
        parts_(std::move(parts)) {}

  Task<Proposed> Propose(const Request& request, CallLog& log) override;
  bool Can(Operator op) const override { return op != Operator::kMerge; }
  PromptStyle style() const override { return PromptStyle::kAnswer; }
  bool redraws() const override { return false; }
  std::optional<Instant> resting_until() const override {
    return endpoint_->breaker().RestsUntil(parts_.clock.Now());
  }

 private:
  friend class Attempt;

  const spec::ModelArm arm_;
  const spec::Proposal proposal_;
  const std::unique_ptr<Endpoint> endpoint_;
  const ModelParts parts_;
};

class Attempt {
 public:
  Attempt(ModelProposer& arm, const Request& request, CallLog& log)
      : arm_(arm),
        endpoint_(*arm.endpoint_),
        clock_(arm.parts_.clock),
        log_(log),
        prompt_(request.prompt),
        session_({.format = request.format,
                  .marker_suffix = request.marker_suffix,
                  .allow_create = arm.parts_.allow_create,
                  .mutable_patterns = arm.parts_.mutable_patterns,
                  .immutable_patterns = arm.parts_.immutable_patterns,
                  .hidden_files = Hidden(arm.parts_, request)},
                 request.files),
        backoff_(Rng::Stream(request.seed, request.attempt.value(), "backoff")),
        deadline_(clock_.Now() +
                  std::chrono::seconds(arm.proposal_.deadline_seconds)) {
    call_.max_output_tokens = arm.arm_.max_output_tokens;
    const auto& most = endpoint_.profile().max_output;
    if (most) {
      call_.max_output_tokens = static_cast<int>(
          std::min<std::int64_t>(*most, call_.max_output_tokens));
    }
    call_.temperature = arm.arm_.temperature;
    call_.cache_key = request.run;
  }

  Task<Proposed> Run() {
    while (true) {
      std::optional<Proposed> end;
      if (const Answered* past = log_.Past(turn_)) {
        const Answered answered = *past;
        ++turn_;
        if (answered.stop.starts_with("failed")) continue;
        end = co_await Take(answered.text, answered.stop);
      } else {
        end = co_await AskOnce();
      }
      if (end) co_return std::move(*end);
    }
  }

 private:
  std::vector<Utterance> Parts() const {
    std::vector<Utterance> parts;
    for (const PromptSection& section : prompt_) {
      parts.push_back({SpeakerOf(section), section.text});
    }
    parts.insert(parts.end(), said_.begin(), said_.end());
    return parts;
  }

  // What is tracked and not shown, where files may be created.
  static std::vector<std::string> Hidden(const ModelParts& parts,
                                         const llm::Request& request) {
    if (!parts.allow_create) return {};
    std::set<std::string_view> shown;
    for (const auto& file : request.files) shown.insert(file->path);
    std::vector<std::string> hidden;
    for (const std::string& path : parts.tracked_files) {
      if (!shown.contains(path)) hidden.push_back(path);
    }
    return hidden;
  }

  // Sleeps in slices, so that a search that ends does not wait for it.
  Task<void> SleepUntil(Instant when) {
    while (clock_.Now() < when && !log_.closed()) {
      const Instant slice = clock_.Now() + std::chrono::seconds(1);
      co_await clock_.SleepUntil(std::min(slice, when));
    }
  }

  Proposed Outage(std::string_view what) {
    return Out("outage",
               fmt::format("{}: {}", endpoint_.profile().provider, what));
  }

  // Waits for the rate gate. An end if there is no waiting for it.
  Task<std::optional<Proposed>> PassGate(std::int64_t tokens) {
    while (true) {
      const Instant now = clock_.Now();
      if (endpoint_.breaker().RestsUntil(now)) co_return Outage("it rests");
      const Instant opens = endpoint_.gate().Opens(now, tokens);
      if (opens <= now) co_return std::nullopt;
      if (opens >= deadline_) {
        endpoint_.breaker().RestUntil(opens);
        co_return Outage("the wait it states is longer than an attempt");
      }
      LogInfo(fmt::format("{} waits {:.1f} s for its rate limit",
                          endpoint_.profile().model,
                          std::chrono::duration<double>(opens - now).count()));
      co_await SleepUntil(opens);
      if (log_.closed()) co_return Out("closing", "");
    }
  }

  // One request, recorded on both sides.
  Task<std::optional<Proposed>> AskOnce() {
    if (clock_.Now() >= deadline_) co_return Refuse("deadline");
    const std::vector<Utterance> parts = Parts();
    const std::int64_t bytes = Bytes(parts);
    const std::int64_t tokens = endpoint_.estimator().Tokens(bytes);
    Semaphore::Permit permit;
    while (true) {  // the gate may close while others hold all permits
      std::optional<Proposed> shut = co_await PassGate(tokens);
      if (shut) co_return shut;
      permit = co_await arm_.parts_.requests.Acquire();
      const Instant now = clock_.Now();
      if (endpoint_.gate().Opens(now, tokens) <= now) break;
      permit.Release();
    }
    const spec::ModelProfile& profile = endpoint_.profile();
    Asked asked;
    asked.turn = turn_;
    asked.model = arm_.arm_.model;
    asked.role = role_;
    asked.prompt = parts;
    asked.reserve_tokens = tokens + call_.max_output_tokens;
    asked.price_unknown = !profile.price;
    if (profile.price) {
      asked.reserve_usd = spec::ToUsd(WorstCostOf(
          tokens, call_.max_output_tokens, *profile.price, profile.codec));
    }
    const double reserve = asked.reserve_usd;
    const std::int64_t reserve_tokens = asked.reserve_tokens;
    const bool granted = co_await log_.Ask(std::move(asked));
    if (!granted) co_return Out(log_.closed() ? "closing" : "budget", "");
    if (clock_.Now() >= deadline_) {  // money was waited for all this time
      log_.Answer({.turn = turn_++, .stop = "failed: deadline"});
      co_return Refuse("deadline");
    }

    call_.messages = Messages(parts);
    call_.estimated_input = tokens;
    const Duration limit = std::min<Duration>(
        deadline_ - clock_.Now(),
        std::chrono::seconds(arm_.proposal_.request_timeout_seconds));
    const Endpoint::Exchange exchange = co_await endpoint_.Send(call_, limit);
    permit.Release();
    Answered answered = Settled(exchange, bytes, reserve, reserve_tokens);
    const std::string text = answered.text;
    const std::string stop = answered.stop;
    log_.Answer(std::move(answered));
    ++turn_;
    if (!exchange.reply) co_return co_await React(exchange.error);
    retries_ = 0;
    co_return co_await Take(text, stop);
  }

  // The record of what an exchange brought, and its cost.
  Answered Settled(const Endpoint::Exchange& exchange, std::int64_t bytes,
                   double reserve, std::int64_t reserve_tokens) {
    const spec::ModelProfile& profile = endpoint_.profile();
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
        usage.input_total = endpoint_.estimator().Tokens(bytes);
        usage.output_total =
            endpoint_.estimator().Tokens(static_cast<std::int64_t>(
                exchange.reply ? exchange.reply->text.size() : 0));
      } else if (usage.input_total > 0) {
        endpoint_.estimator().Observe(bytes, usage.input_total);
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
  bool Clipped(const TokenUsage& usage) const {
    return endpoint_.profile().codec == spec::Codec::kOllama &&
           !usage.estimated && call_.estimated_input > kStatedPromptTokens &&
           static_cast<double>(usage.input_total) <
               kClipped * static_cast<double>(call_.estimated_input);
  }

  void Say(const std::string& theirs, const std::string& ours) {
    if (!theirs.empty()) said_.push_back({Speaker::kAssistant, theirs});
    said_.push_back({Speaker::kUser, ours});
    role_ = "edit";
  }

  // What an answer on record comes to; nothing: the loop goes on.
  Task<std::optional<Proposed>> Take(std::string text, std::string stop) {
    if (stop == "context_clipped") {
      co_return Refuse(
          "context_clipped: the server read only part of the prompt; raise "
          "its context length or shrink scope");
    }
    if (stop == "paused") {
      if (++pauses_ > kPauses) co_return Refuse("paused");
      if (!text.empty()) said_.push_back({Speaker::kAssistant, text});
      co_return std::nullopt;
    }
    if (stop != "complete") {
      const std::string fact = stop == "filtered" ? "refused" : stop;
      if (std::exchange(told_, true)) co_return Refuse(fact);
      Say(text, EditSession::ReplyTo(fact));
      co_return std::nullopt;
    }
    auto take = [&] { return session_.Take(text); };
    EditVerdict verdict = co_await Offload(arm_.parts_.compute, take);
    if (verdict.changes) {
      Proposed proposed;
      proposed.proposal.emplace();
      proposed.proposal->plan = std::move(verdict.plan);
      proposed.proposal->changes = std::move(*verdict.changes);
      proposed.proposal->matched = std::move(verdict.matched);
      co_return proposed;
    }
    if (repairs_++ >= arm_.proposal_.edit_retries) {
      co_return Refuse(std::move(verdict.cause));
    }
    Say(text, verdict.reply);
    co_return std::nullopt;
  }

  // What a failed request asks for (PROVIDERS §4).
  Task<std::optional<Proposed>> React(const ApiError& error) {
    switch (error.error) {
      case ErrorClass::kCancelled:
        co_return Out("closing", "");
      case ErrorClass::kUnsupportedParam:
        if (rungs_++ < kRungs && endpoint_.Drop(error, call_)) {
          co_return std::nullopt;
        }
        co_return BadRequest(error);
      case ErrorClass::kContextTooLong:
      case ErrorClass::kTooLarge:
        if (shrinks_++ < kShrinks && Cut(error)) co_return std::nullopt;
        co_return Refuse("context");
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
    co_return co_await Retry(error, again);
  }

  Task<std::optional<Proposed>> Retry(const ApiError& error, bool again) {
    const double jitter = backoff_.Uniform();
    endpoint_.Heed(error, jitter);
    const Instant now = clock_.Now();
    if (endpoint_.breaker().RestsUntil(now)) {
      co_return Outage(Name(error.error));
    }
    if (!again || ++retries_ > kRetries) {
      endpoint_.breaker().Rest(now);
      co_return Outage(Name(error.error));
    }
    const double seconds =
        error.retry_after
            ? 0  // the gate knows
            : (0.5 + 0.5 * jitter) *
                  std::min(kLongestBackoff, std::exp2(retries_ - 1));
    const Instant next = now + std::chrono::duration_cast<Duration>(
                                   std::chrono::duration<double>(seconds));
    if (next >= deadline_) {
      endpoint_.breaker().Rest(now);
      co_return Outage(Name(error.error));
    }
    LogInfo(fmt::format("{} waits {:.1f} s after {} (retry {} of {})",
                        endpoint_.profile().model, seconds, Name(error.error),
                        retries_, kRetries));
    co_await SleepUntil(next);
    co_return std::nullopt;
  }

  Proposed BadRequest(const ApiError& error) {
    if (endpoint_.bad_requests >= kBadRequests) return SwitchedOff(error);
    return Refuse(fmt::format("bad_request: {}", OneLine(error.message, 200)));
  }

  Proposed SwitchedOff(const ApiError& error) {
    const spec::ModelProfile& profile = endpoint_.profile();
    const std::string& variable = endpoint_.credentials().variable;
    std::string reason = fmt::format("{} for model {} at {}", Name(error.error),
                                     profile.model, endpoint_.base_url());
    if (error.status != 0) reason += fmt::format(" (status {})", error.status);
    reason += ": " + OneLine(error.message, 300);
    Proposed out = Out(std::string(Name(error.error)), "", true);
    if (error.error == ErrorClass::kAuth ||
        error.error == ErrorClass::kBilling) {
      reason += variable.empty() ? "; no key was sent"
                                 : "; the key came from " + variable;
      out.unavailable->shared = profile.provider + " " + variable;
    }
    out.unavailable->reason = std::move(reason);
    return out;
  }

  // To 70 % of what the server allows, or of what it was.
  bool Cut(const ApiError& error) {
    const std::size_t size = SizeOf(prompt_);
    double target = kShrinkTo * static_cast<double>(size);
    if (error.token_limit && call_.estimated_input > *error.token_limit) {
      target = kShrinkTo * static_cast<double>(size) *
               static_cast<double>(*error.token_limit) /
               static_cast<double>(call_.estimated_input);
    }
    Shrink(prompt_, static_cast<std::size_t>(target));
    LogInfo(fmt::format("prompt cut from {} to {} bytes for {}", size,
                        SizeOf(prompt_), endpoint_.profile().model));
    return SizeOf(prompt_) < size;
  }

  ModelProposer& arm_;
  Endpoint& endpoint_;
  Clock& clock_;
  CallLog& log_;
  Prompt prompt_;
  EditSession session_;
  Rng backoff_;
  const Instant deadline_;
  Call call_;
  std::vector<Utterance> said_;  // after the prompt: answers and our replies
  std::string role_ = "propose";
  int turn_ = 0;
  int retries_ = 0, rungs_ = 0, shrinks_ = 0, pauses_ = 0, repairs_ = 0;
  bool told_ = false;  // that its answer was none
};

Task<Proposed> ModelProposer::Propose(const Request& request, CallLog& log) {
  Attempt attempt(*this, request, log);
  co_return co_await attempt.Run();
}

}  // namespace

std::unique_ptr<Proposer> MakeModelProposer(spec::ModelArm arm,
                                            spec::Proposal proposal,
                                            std::unique_ptr<Endpoint> endpoint,
                                            const ModelParts& parts) {
  return std::make_unique<ModelProposer>(std::move(arm), std::move(proposal),
                                         std::move(endpoint), parts);
}

}  // namespace coppice::llm
