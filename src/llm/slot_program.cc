#include "llm/slot_program.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "base/text.h"
#include "llm/codec.h"
#include "llm/header.h"

// A run is one turn of the attempt's record: asked, run in a slot, answered,
// and only then made a proposal, from the answer alone. So an attempt that is
// taken up again comes to the same end without a run. A run during which we
// died, or which we lost, is charged and made again as the next turn.
//
// Answered::stop holds all that a refusal says: "complete", "cancelled", or
// "failed: " and the reason.

namespace coppice::llm {
namespace {

constexpr int kLostTries = 3;
constexpr std::size_t kTextCap = 64 << 10;
constexpr std::size_t kIdeaCap = 120;
constexpr std::string_view kComplete = "complete";
constexpr std::string_view kCancelled = "cancelled";
constexpr std::string_view kFailed = "failed: ";
constexpr std::string_view kInterrupted = "failed: interrupted";
constexpr std::string_view kLost = "failed: lost";
constexpr std::string_view kNotAFile = "non-artifact change";

std::string Failed(std::string_view reason) {
  return fmt::format("{}{}", kFailed, reason);
}

bool IsInterrupted(const Answered& answered) {
  return answered.stop == kInterrupted;
}
bool IsLost(const Answered& answered) {
  return answered.stop.starts_with(kLost);
}

Refusal RefusalOf(const std::string& stop) {
  if (stop == kCancelled)
    return {.outcome = Outcome::kCancelled, .reason = stop};
  Refusal refusal{.reason = stop};
  if (stop.starts_with(kFailed)) refusal.reason.erase(0, kFailed.size());
  if (refusal.reason.starts_with(kNotAFile))
    refusal.outcome = Outcome::kScopeViolation;
  return refusal;
}

// The one way from a record to what is proposed, fresh or past.
Proposed Conclude(const Answered& answered) {
  Proposed proposed;
  if (answered.stop == kComplete) {
    proposed.proposal = Proposal{.plan = answered.plan,
                                 .changes = answered.changes,
                                 .flags = answered.flags};
  } else {
    proposed.refusal = RefusalOf(answered.stop);
  }
  return proposed;
}

Proposed NotGranted(const CallLog& log) {
  Proposed proposed;
  proposed.unavailable =
      Unavailable{.cause = log.closed() ? "closing" : "budget"};
  return proposed;
}

class SlotProposer final : public Proposer {
 public:
  SlotProposer(std::unique_ptr<SlotProgram> program, CommandParts parts)
      : program_(std::move(program)), parts_(std::move(parts)) {
    for (const std::string& secret : program_->passed().secrets)
      redact_.Hold(secret);
  }

  Task<Proposed> Propose(const Request& request, CallLog& log) override {
    for (int turn = 0, lost = 0;; ++turn) {
      Answered answered;
      if (const Answered* past = log.Past(turn)) {
        answered = *past;
      } else {
        Asked asked = Ask(request, turn);
        const bool granted = co_await log.Ask(std::move(asked));
        if (!granted) co_return NotGranted(log);
        answered = co_await Run(request);
        answered.attempt = request.attempt;
        answered.turn = turn;
        log.Answer(answered);
      }
      if (IsInterrupted(answered)) continue;
      if (IsLost(answered) && ++lost < kLostTries) continue;
      co_return Conclude(answered);
    }
  }

  bool Can(Operator op) const override { return op != Operator::kMerge; }
  PromptStyle style() const override { return PromptStyle::kInPlace; }
  bool redraws() const override { return false; }
  bool off_after_failures() const override { return true; }

 private:
  Asked Ask(const Request& request, int turn) const {
    Asked asked{.attempt = request.attempt,
                .turn = turn,
                .model = program_->name(),
                .reserve_usd = program_->max_usd()};
    for (const PromptSection& section : request.prompt) {
      asked.prompt.push_back(
          {section.system ? Speaker::kSystem : Speaker::kUser, section.text});
    }
    return asked;
  }

  Task<Answered> Run(const Request& request) {
    Result<std::unique_ptr<Lease>> lease =
        co_await parts_.workspaces.Acquire(request.parent, SlotUse::kPropose);
    if (!lease) {
      co_return Answered{
          .stop = fmt::format("{}: {}", kLost, lease.error().Text())};
    }
    CommandRequest command = program_->Start(request);
    command.tree = (*lease)->tree();
    const CommandResult result = co_await parts_.sandbox.Run(command);
    const bool lost = result.verdict == Verdict::kLost;
    if (result.leaked || lost) (*lease)->MarkDirty();
    const ProgramEnd end = Redacted(program_->Read(result));
    Answered answered{.text = HeadAndTail(end.text, kTextCap),
                      .plan = PlanOf(end),
                      .flags = end.flags,
                      .usage = end.usage};
    if (lost || result.verdict == Verdict::kTimeout) {
      answered.stop = CutShort(result, command);
    } else if (!end.failure.empty()) {
      answered.stop = Failed(end.failure);
    } else {
      co_await Look(**lease, end.hint, answered);
    }
    // Whatever went wrong in a slot that is no longer there is not its fault.
    if (answered.stop != kComplete && !(*lease)->Intact()) {
      (*lease)->MarkDirty();
      answered.stop = fmt::format("{}: its slot was deleted", kLost);
    }
    co_return answered;
  }

  ProgramEnd Redacted(ProgramEnd end) const {
    for (std::string* text : {&end.text, &end.idea, &end.failure, &end.hint}) {
      *text = redact_(*text);
    }
    for (std::string& flag : end.flags) flag = redact_(flag);
    return end;
  }

  static Plan PlanOf(const ProgramEnd& end) {
    Plan plan = ParseHeader(end.text).value_or(Plan{});
    if (plan.idea.empty()) plan.idea = OneLine(end.idea, kIdeaCap);
    if (plan.category.empty()) plan.category = "other";
    return plan;
  }

  // Nobody knows whether what it left was done: it is not looked at.
  static std::string CutShort(const CommandResult& result,
                              const CommandRequest& command) {
    if (result.verdict == Verdict::kTimeout) {
      const auto limit =
          std::chrono::duration_cast<std::chrono::seconds>(command.timeout);
      return Failed(fmt::format("timeout after {} s", limit.count()));
    }
    if (result.reason == kCancelled) return std::string(kCancelled);
    return fmt::format("{}: {}", kLost, result.reason);
  }

  Task<void> Look(const Lease& lease, std::string_view hint,
                  Answered& answered) {
    Result<LeftBehind> left = co_await parts_.read_back(lease);
    if (!left) {
      answered.stop = Failed(left.error().Text());
    } else if (!left->refused.empty()) {
      const std::string paths =
          fmt::format("{}", fmt::join(left->refused, ", "));
      answered.stop =
          Failed(fmt::format("{}: {}", kNotAFile, OneLine(paths, 500)));
    } else if (left->changes.empty()) {
      answered.stop = Failed(hint.empty() ? "no change"
                                          : fmt::format("no change: {}", hint));
    } else if (HoldSecret(left->changes)) {
      answered.stop = Failed("it wrote a key into a file");
    } else {
      answered.changes = std::move(left->changes);
      answered.stop = kComplete;
    }
  }

  bool HoldSecret(const std::vector<FileChange>& changes) const {
    auto holds = [this](std::string_view text) {
      return std::ranges::any_of(program_->passed().secrets,
                                 [text](const std::string& secret) {
                                   return text.find(secret) != text.npos;
                                 });
    };
    return std::ranges::any_of(changes, [&](const FileChange& change) {
      return holds(change.path) || (change.content && holds(*change.content));
    });
  }

  const std::unique_ptr<SlotProgram> program_;
  const CommandParts parts_;
  Redactor redact_;
};

}  // namespace

std::unique_ptr<Proposer> MakeSlotProposer(std::unique_ptr<SlotProgram> program,
                                           CommandParts parts) {
  return std::make_unique<SlotProposer>(std::move(program), std::move(parts));
}

bool PassedVariables::Pass(const Keys& keys, const std::string& variable,
                           const std::string& as) {
  std::optional<std::string> value = keys.Find(variable);
  if (!value) return false;
  if (keys.all().contains(variable)) secrets.push_back(*value);
  env.emplace_back(as.empty() ? variable : as, std::move(*value));
  return true;
}

std::string HowItEnded(const CommandResult& result) {
  const std::string text = result.err.Text();
  const std::string said = OneLine(LastLines(Trim(text), 1), 200);
  if (said.empty()) return result.reason;
  return fmt::format("{}: {}", result.reason, said);
}

std::string PromptText(const Prompt& prompt) {
  std::string text;
  for (const PromptSection& section : prompt) {
    if (section.text.empty()) continue;
    if (!text.empty()) text += '\n';
    text += section.text;
    if (!text.ends_with('\n')) text += '\n';
  }
  return text;
}

}  // namespace coppice::llm
