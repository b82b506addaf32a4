#include "llm/command.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "base/rng.h"
#include "llm/slot_program.h"

namespace coppice::llm {
namespace {

class CommandProgram final : public SlotProgram {
 public:
  CommandProgram(spec::CommandArm arm, const Keys& keys)
      : arm_(std::move(arm)) {
    for (const std::string& variable : arm_.pass_env)
      passed_.Pass(keys, variable);
  }

  std::string name() const override { return arm_.command; }
  double max_usd() const override { return 0; }
  const PassedVariables& passed() const override { return passed_; }

  CommandRequest Start(const Request& request) const override {
    // Half of the range, so that every language reads it as an integer.
    const std::uint64_t seed =
        Rng::Stream(request.seed, request.attempt.value(), "command").Next() >>
        33;
    CommandRequest command;
    command.command = arm_.command;
    command.env = {{"COPPICE_ACTIVE", "1"},
                   {"COPPICE_SEED", fmt::format("{}", seed)},
                   {"COPPICE_PARENT", request.parent.Hex()},
                   {"COPPICE_OP", std::string(Name(request.op))}};
    command.env.insert(command.env.end(), passed_.env.begin(),
                       passed_.env.end());
    command.stdin_text = PromptText(request.prompt);
    command.timeout = std::chrono::seconds(arm_.timeout_seconds);
    command.network = true;
    return command;
  }

  ProgramEnd Read(const CommandResult& result) const override {
    ProgramEnd end{.text = result.out.Text(), .idea = arm_.command};
    if (result.verdict != Verdict::kOk) end.failure = HowItEnded(result);
    end.usage.seconds = result.wall_seconds;
    return end;
  }

 private:
  const spec::CommandArm arm_;
  PassedVariables passed_;
};

}  // namespace

std::unique_ptr<Proposer> MakeCommandProposer(spec::CommandArm arm,
                                              CommandParts parts) {
  auto program = std::make_unique<CommandProgram>(std::move(arm), parts.keys);
  return MakeSlotProposer(std::move(program), std::move(parts));
}

}  // namespace coppice::llm
