#include "llm/model_proposer.h"

#include <fmt/format.h>

#include <set>
#include <utility>

#include "base/log.h"
#include "base/rng.h"
#include "base/text.h"
#include "llm/asking.h"
#include "llm/conversation.h"
#include "llm/edit_session.h"
#include "llm/shrink.h"

// One attempt at one model is a conversation (llm/asking). What it brought
// decides what is said next:
//
//   a complete answer    its edits; blocks that fail are asked for again, at
//                        most edit_retries times
//   no usable answer     (empty, refused, truncated) told so once
//   too long a prompt    cut to 70 % of what is allowed, twice
//   nobody to be asked   another arm takes the attempt
//
// One deadline spans all of it.

namespace coppice::llm {
namespace {

constexpr int kShrinks = 2;
constexpr int kPauses = 3;
constexpr double kShrinkTo = 0.7;

Proposed Refuse(std::string reason) {
  Proposed proposed;
  proposed.refusal.reason = std::move(reason);
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
        prompt_(request.prompt),
        session_({.format = request.format,
                  .marker_suffix = request.marker_suffix,
                  .allow_create = arm.parts_.allow_create,
                  .mutable_patterns = arm.parts_.mutable_patterns,
                  .immutable_patterns = arm.parts_.immutable_patterns,
                  .hidden_files = Hidden(arm.parts_, request)},
                 request.files),
        asking_(PartsOf(arm, request, log), CallOf(arm, request)) {}

  Task<Proposed> Run() {
    while (true) {
      Heard heard = co_await asking_.Ask(Parts(), role_);
      if (heard.unavailable) {
        Proposed out;
        out.unavailable = std::move(heard.unavailable);
        co_return out;
      }
      if (!heard.refusal.empty()) co_return Refuse(std::move(heard.refusal));
      if (heard.too_long) {
        if (shrinks_++ < kShrinks && Cut(*heard.too_long)) continue;
        co_return Refuse("context");
      }
      std::optional<Proposed> end =
          co_await Take(std::move(heard.text), std::move(heard.stop));
      if (end) co_return std::move(*end);
    }
  }

 private:
  static Asking::Parts PartsOf(ModelProposer& arm, const Request& request,
                               CallLog& log) {
    Clock& clock = arm.parts_.clock;
    return {.endpoint = *arm.endpoint_,
            .clock = clock,
            .requests = arm.parts_.requests,
            .log = log,
            .model = arm.arm_.model,
            .request_limit =
                std::chrono::seconds(arm.proposal_.request_timeout_seconds),
            .deadline = clock.Now() +
                        std::chrono::seconds(arm.proposal_.deadline_seconds),
            .backoff =
                Rng::Stream(request.seed, request.attempt.value(), "backoff")};
  }
  static Call CallOf(const ModelProposer& arm, const Request& request) {
    Call call;
    call.max_output_tokens = arm.arm_.max_output_tokens;
    call.temperature = arm.arm_.temperature;
    call.cache_key = request.run;
    return call;
  }

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

  // To 70 % of what the server allows, or of what it was.
  bool Cut(const ApiError& error) {
    const std::size_t size = SizeOf(prompt_);
    double target = kShrinkTo * static_cast<double>(size);
    const std::int64_t sent = asking_.estimated_input();
    if (error.token_limit && sent > *error.token_limit) {
      target = kShrinkTo * static_cast<double>(size) *
               static_cast<double>(*error.token_limit) /
               static_cast<double>(sent);
    }
    Shrink(prompt_, static_cast<std::size_t>(target));
    LogInfo(fmt::format("prompt cut from {} to {} bytes for {}", size,
                        SizeOf(prompt_), arm_.endpoint_->profile().model));
    return SizeOf(prompt_) < size;
  }

  ModelProposer& arm_;
  Prompt prompt_;
  EditSession session_;
  Asking asking_;
  std::vector<Utterance> said_;  // after the prompt: answers and our replies
  std::string role_ = "propose";
  int shrinks_ = 0, pauses_ = 0, repairs_ = 0;
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
