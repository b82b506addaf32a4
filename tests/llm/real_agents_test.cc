#include <doctest/doctest.h>
#include <fmt/format.h>
#include <stdlib.h>

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "eval/containment.h"
#include "support/agent_world.h"
#include "support/aimock.h"

// The command lines of configs/agents.yaml with the real programs of
// tests/external/agents, in front of the mock: for COPPICE_TEST_AGENTS=1.

namespace coppice::llm {
namespace {

namespace fs = std::filesystem;
using testing::AgentWorld;
using testing::AiMock;
using testing::OnePrompt;
using testing::ScopedVariable;
using testing::TempDir;

const fs::path kExternal = fs::path(COPPICE_SOURCE_DIR) / "tests/external";

bool SkippedWithoutAgents() {
  const char* asked = getenv("COPPICE_TEST_AGENTS");
  if (asked == nullptr || std::string(asked) != "1") {
    MESSAGE("SKIPPED: COPPICE_TEST_AGENTS=1 runs the real agents");
    return true;
  }
  if (testing::SkippedWithoutAiMock()) return true;
  REQUIRE_MESSAGE(fs::exists(kExternal / "agents/node_modules"),
                  "run npm ci --ignore-scripts in tests/external/agents");
  return false;
}

// First the tool call, then the last words.
std::string Fixtures(const std::string& tool, const std::string& arguments) {
  return fmt::format(
      R"({{"fixtures":[)"
      R"({{"match":{{"userMessage":"shrink the program","hasToolResult":)"
      R"(false}},"response":{{"toolCalls":[{{"name":"{}","arguments":{}}}],)"
      R"("usage":{{"prompt_tokens":100,"completion_tokens":10,)"
      R"("input_tokens":100,"output_tokens":10}}}}}},)"
      R"({{"match":{{}},"response":{{"content":"IDEA: shrink it",)"
      R"("usage":{{"prompt_tokens":100,"completion_tokens":10,)"
      R"("input_tokens":100,"output_tokens":10}}}}}}]}})",
      tool, arguments);
}

struct RealAgent {
  std::string agent;
  std::string tool, arguments;  // what the model asks for
  std::string base_variable, base_path;
  std::string model;
  // Added to its line, for the mock.
  std::string options;
};

Proposed RunReal(const RealAgent& real, eval::SandboxMode mode,
                 const std::string& api_keys, std::string prompt,
                 Answered* answered = nullptr) {
  const TempDir scratch;
  auto sandbox = eval::MakeSandbox({.mode = mode, .scratch = scratch.path()});
  REQUIRE(sandbox.has_value());
  AgentWorld world(std::move(*sandbox));
  const TempDir bin;
  // npm would run its script to put the program here.
  fs::create_symlink(kExternal / "agents/node_modules/@anthropic-ai" /
                         "claude-code-linux-x64/claude",
                     bin / "claude");
  const ScopedVariable path(
      "PATH", bin.path().string() + ":" +
                  (kExternal / "agents/node_modules/.bin").string() + ":" +
                  (kExternal / "node_modules/.bin").string() +
                  ":/usr/bin:/bin");
  AiMock mock(Fixtures(real.tool, real.arguments), {.api_keys = api_keys});
  const ScopedVariable base(real.base_variable, mock.url() + real.base_path);
  std::string yaml(spec::AgentsText());
  const std::size_t line = yaml.find("    - --ignore-user-config\n");
  REQUIRE(line != yaml.npos);
  if (!real.options.empty())
    yaml.insert(line, fmt::format(fmt::runtime(real.options), mock.url()));
  auto table = spec::AgentTable::Parse(yaml, "agents.yaml");
  REQUIRE_MESSAGE(table.has_value(), table.error().Text());
  Request request{.parent = world.parent,
                  .prompt = OnePrompt(std::move(prompt))};
  std::optional<std::string> model;
  if (!real.model.empty()) model = real.model;
  auto made = MakeAgentProposer({.agent = real.agent,
                                 .timeout_seconds = 120,
                                 .pass_env = {real.base_variable}},
                                model, {world.Parts(), *table});
  REQUIRE_MESSAGE(made.has_value(), made.error().Text());
  Proposed proposed;
  auto ask = [&]() -> Task<void> {
    proposed = co_await (*made)->Propose(request, world.log);
  };
  testing::RunTask(ask());
  REQUIRE(world.log.answered.size() == 1);
  if (answered != nullptr) *answered = world.log.answered[0];
  if (api_keys.empty()) CHECK_FALSE(mock.Journal().empty());
  return proposed;
}

const RealAgent kClaude{.agent = "claude-code",
                        .tool = "Write",
                        .arguments = R"({"file_path":"new.c","content":"x\n"})",
                        .base_variable = "ANTHROPIC_BASE_URL"};
const RealAgent kGemini{.agent = "gemini",
                        .tool = "write_file",
                        .arguments = R"({"file_path":"new.c","content":"x\n"})",
                        .base_variable = "GOOGLE_GEMINI_BASE_URL",
                        // Else it asks for one with its choice as JSON.
                        .model = "gemini-2.5-pro"};
const RealAgent kCodex{
    .agent = "codex",
    .tool = "exec_command",
    .arguments = R"({"cmd":"echo x > new.c"})",
    .base_variable = "COPPICE_TEST_NOTHING",
    .options =
        "    - [-c, model_provider=x, -c, model_providers.x.name=x]\n"
        "    - [-c, \"model_providers.x.base_url={}/v1\"]\n"
        "    - [-c, model_providers.x.env_key=CODEX_API_KEY]\n"
        "    - [-c, model_providers.x.wire_api=responses]\n"};

void InEachSandbox(const std::function<void(eval::SandboxMode)>& test) {
  for (const auto mode :
       {eval::SandboxMode::kNone, eval::SandboxMode::kBwrap}) {
    CAPTURE(static_cast<int>(mode));
    test(mode);
  }
}

void Writes(const RealAgent& real) {
  if (SkippedWithoutAgents()) return;
  InEachSandbox([&](eval::SandboxMode mode) {
    Answered answered;
    const Proposed proposed =
        RunReal(real, mode, "", "Please shrink the program.", &answered);
    CAPTURE(answered.text);
    CAPTURE(answered.stop);
    REQUIRE(proposed.proposal);
    CHECK(proposed.proposal->changes ==
          std::vector<FileChange>{{"new.c", "x\n"}});
    CHECK(proposed.proposal->plan.idea == "shrink it");
  });
}

TEST_CASE("the real claude writes into its slot") { Writes(kClaude); }
TEST_CASE("the real gemini writes into its slot") { Writes(kGemini); }
TEST_CASE("the real codex writes into its slot") { Writes(kCodex); }

TEST_CASE("a wrong key is named by each real agent") {
  if (SkippedWithoutAgents()) return;
  for (const RealAgent& real : {kClaude, kGemini, kCodex}) {
    CAPTURE(real.agent);
    const Proposed proposed =
        RunReal(real, eval::SandboxMode::kNone, "sk-another", "Go.");
    CHECK_FALSE(proposed.proposal);
    CHECK(proposed.refusal.reason.starts_with("no change: "));
    CHECK(proposed.refusal.reason.find("Invalid API key") != std::string::npos);
  }
}

}  // namespace
}  // namespace coppice::llm
