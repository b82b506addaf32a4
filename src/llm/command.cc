#include "llm/command.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <cstdlib>
#include <optional>
#include <utility>

#include "base/rng.h"
#include "base/text.h"
#include "llm/header.h"

namespace coppice::llm {
namespace {

constexpr int kLostTries = 3;
constexpr std::size_t kIdeaCap = 120;

Proposed Refuse(std::string reason, Outcome outcome = Outcome::kEditFailed) {
  Proposed proposed;
  proposed.refusal.outcome = outcome;
  proposed.refusal.reason = std::move(reason);
  return proposed;
}

std::string LastWords(const Captured& stream) {
  return OneLine(LastLines(Trim(stream.Text()), 1), 200);
}

// Why nothing of what the command did counts, or nothing if it ended well.
std::optional<Proposed> Failure(const CommandResult& result, int timeout) {
  switch (result.verdict) {
    case Verdict::kOk:
      return std::nullopt;
    case Verdict::kTimeout:
      return Refuse(fmt::format("the proposer command ran past {} s", timeout));
    case Verdict::kLost:
      return Refuse(
          fmt::format("the proposer command was lost: {}", result.reason),
          result.reason == "cancelled" ? Outcome::kCancelled
                                       : Outcome::kEditFailed);
    default:
      break;
  }
  std::string reason =
      fmt::format("the proposer command failed: {}", result.reason);
  const std::string said = LastWords(result.err);
  return Refuse(said.empty() ? reason : fmt::format("{}: {}", reason, said));
}

class CommandProposer final : public Proposer {
 public:
  CommandProposer(spec::CommandArm arm, CommandParts parts)
      : arm_(std::move(arm)), parts_(std::move(parts)) {}

  Task<Proposed> Propose(const Request& request) override {
    Proposed proposed;
    CommandResult result;
    for (int tries = 0; tries < kLostTries; ++tries) {
      Result<std::unique_ptr<Lease>> lease =
          co_await parts_.workspaces.Acquire(request.parent, SlotUse::kPropose);
      if (!lease) co_return Refuse(lease.error().Text());
      result = co_await Run(request, **lease);
      proposed = co_await Read(result, **lease);
      if (result.verdict != Verdict::kLost || result.reason == "cancelled")
        break;
    }
    const std::string said = result.out.Text();
    const CallUsage usage{.seconds = result.wall_seconds};
    if (proposed.proposal) {
      proposed.proposal->plan = PlanOf(said);
      proposed.proposal->answer = said;
      proposed.proposal->usage = usage;
    } else {
      proposed.refusal.answer = said;
      proposed.refusal.usage = usage;
    }
    co_return proposed;
  }

  bool Can(Operator op) const override { return op != Operator::kMerge; }
  bool redraws() const override { return false; }

 private:
  Task<CommandResult> Run(const Request& request, Lease& lease) {
    // Half of the range, so that every language reads it as an integer.
    const std::uint64_t seed =
        Rng::Stream(request.seed, request.attempt.value(), "command").Next() >>
        33;
    CommandRequest command;
    command.command = arm_.command;
    command.tree = lease.tree();
    command.env = {{"COPPICE_ACTIVE", "1"},
                   {"COPPICE_SEED", fmt::format("{}", seed)},
                   {"COPPICE_PARENT", request.parent.Hex()},
                   {"COPPICE_OP", std::string(Name(request.op))}};
    for (const std::string& name : arm_.pass_env) {
      // Read on the one thread that never writes the environment.
      if (const char* value = std::getenv(name.c_str()))
        command.env.emplace_back(name, value);
    }
    command.stdin_text = request.prompt;
    command.timeout = std::chrono::seconds(arm_.timeout_seconds);
    command.network = true;
    CommandResult result = co_await parts_.sandbox.Run(command);
    if (result.leaked || result.verdict == Verdict::kLost) lease.MarkDirty();
    co_return result;
  }

  Task<Proposed> Read(const CommandResult& result, const Lease& lease) {
    std::optional<Proposed> failure = Failure(result, arm_.timeout_seconds);
    if (failure) co_return std::move(*failure);
    Result<LeftBehind> left = co_await parts_.read_back(lease);
    if (!left) co_return Refuse(left.error().Text());
    if (!left->refused.empty())
      co_return Refuse(fmt::format("non-artifact change: {}",
                                   fmt::join(left->refused, ", ")),
                       Outcome::kScopeViolation);
    if (left->changes.empty()) co_return Refuse("no change");
    Proposed proposed;
    proposed.proposal.emplace();
    proposed.proposal->changes = std::move(left->changes);
    co_return proposed;
  }

  Plan PlanOf(std::string_view said) const {
    Plan plan = ParseHeader(said).value_or(Plan{});
    if (plan.idea.empty()) plan.idea = OneLine(arm_.command, kIdeaCap);
    if (plan.category.empty()) plan.category = "other";
    return plan;
  }

  const spec::CommandArm arm_;
  const CommandParts parts_;
};

}  // namespace

std::unique_ptr<Proposer> MakeCommandProposer(spec::CommandArm arm,
                                              CommandParts parts) {
  return std::make_unique<CommandProposer>(std::move(arm), std::move(parts));
}

}  // namespace coppice::llm
