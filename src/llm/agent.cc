#include "llm/agent.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/text.h"
#include "llm/agent_program.h"
#include "llm/agent_report.h"
#include "llm/agent_script.h"
#include "llm/slot_program.h"

namespace coppice::llm {
namespace {

constexpr char kStandardPath[] = "/usr/local/bin:/usr/bin:/bin";

std::string Raw(const Captured& stream) {
  if (!stream.truncated()) return stream.head + stream.tail;
  return stream.head + '\n' + stream.tail;
}

struct AgentSetup {
  spec::AgentArm arm;
  spec::AgentProfile profile;
  std::string model;
  FoundProgram program;
  PassedVariables passed;
};

class AgentProgram final : public SlotProgram {
 public:
  explicit AgentProgram(AgentSetup setup) : setup_(std::move(setup)) {}

  std::string name() const override { return setup_.arm.agent; }
  double max_usd() const override { return setup_.arm.max_usd; }
  const PassedVariables& passed() const override { return setup_.passed; }

  CommandRequest Start(const Request& request) const override {
    AgentValues values{.program = setup_.program.file.string(),
                       .model = setup_.model};
    if (max_usd() > 0) values.max_usd = FormatNumber(max_usd());
    for (const auto& file : request.files) {
      if (file->mutable_file) values.files.push_back(file->path);
    }
    CommandRequest command;
    command.stdin_text = PromptText(request.prompt);
    values.prompt_bytes = command.stdin_text.size();
    command.command = AgentScript(setup_.profile, values);
    command.env = setup_.passed.env;
    command.timeout = std::chrono::seconds(setup_.arm.timeout_seconds);
    command.network = true;
    command.expose = setup_.program.expose;
    return command;
  }

  ProgramEnd Read(const CommandResult& result) const override {
    AgentReport report = ReadAgentOutput(setup_.profile.output, Raw(result.out),
                                         Raw(result.err));
    ProgramEnd end{.text = std::move(report.text),
                   .hint = std::move(report.trouble),
                   .flags = std::move(report.flags),
                   .usage = {.usd = report.usd.value_or(max_usd()),
                             .estimated = !report.usd,
                             .input = report.input,
                             .output = report.output,
                             .cached = report.cached,
                             .seconds = result.wall_seconds}};
    end.idea = FirstLine(end.text);
    if (end.idea.empty()) end.idea = "changes by " + name();
    if (end.text.empty()) end.text = result.out.Text();
    if (result.verdict != Verdict::kOk) {
      end.flags.insert(end.flags.begin(), result.reason);
      if (end.hint.empty()) end.hint = HowItEnded(result);
    }
    return end;
  }

 private:
  static std::string FirstLine(std::string_view text) {
    text = Trim(text);
    return std::string(text.substr(0, text.find('\n')));
  }

  const AgentSetup setup_;
};

// Its one key, and what the spec lets through.
Result<void> PassKey(const Keys& keys, AgentSetup& setup) {
  const spec::AgentProfile& profile = setup.profile;
  PassedVariables& passed = setup.passed;
  passed.env = profile.env;
  passed.env.emplace_back("COPPICE_ACTIVE", "1");
  const bool has_key =
      std::ranges::any_of(profile.keys, [&](const std::string& variable) {
        return passed.Pass(keys, variable, profile.key_as);
      });
  bool any = has_key || profile.keys.empty();
  for (const std::string& variable : setup.arm.pass_env)
    any |= passed.Pass(keys, variable);
  if (any) return Ok();
  return Error{
      .code = ErrorCode::kUsage,
      .what = fmt::format("proposers: agent {} has no key", profile.name),
      .cause = fmt::format("{} is not set", fmt::join(profile.keys, ", ")),
      .next = "set one of them, or name what it logs in with in pass_env"};
}

Result<void> FindProgram(const Keys& variables, AgentSetup& setup) {
  const std::string path = variables.Find("PATH").value_or(kStandardPath);
  const std::string home = variables.Find("HOME").value_or("");
  std::optional<FoundProgram> found =
      FindAgentProgram(setup.profile.program(), path, home);
  if (!found) {
    return Error{.code = ErrorCode::kUsage,
                 .what = fmt::format("proposers: agent {} is not installed",
                                     setup.profile.name),
                 .cause = fmt::format("no {} in PATH, or nothing to run it",
                                      setup.profile.program()),
                 .next = "install it: " + setup.profile.install};
  }
  std::string inside;
  for (const std::filesystem::path& directory : found->directories) {
    inside += directory.string() + ':';
  }
  setup.passed.env.emplace_back("PATH", inside + kStandardPath);
  setup.program = std::move(*found);
  return Ok();
}

}  // namespace

Result<std::unique_ptr<Proposer>> MakeAgentProposer(
    spec::AgentArm arm, std::optional<std::string> model, AgentParts parts) {
  Result<spec::AgentProfile> profile = parts.agents.Find(arm.agent);
  if (!profile) return profile.error();
  AgentSetup setup{.arm = std::move(arm),
                   .profile = std::move(*profile),
                   .model = std::move(model).value_or("")};
  Result<void> passed = PassKey(parts.commands.keys, setup);
  if (!passed) return passed.error();
  Result<void> found = FindProgram(parts.commands.keys, setup);
  if (!found) return found.error();
  return MakeSlotProposer(std::make_unique<AgentProgram>(std::move(setup)),
                          std::move(parts.commands));
}

}  // namespace coppice::llm
