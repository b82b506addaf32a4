#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "llm/agent.h"
#include "support/agent_world.h"
#include "support/plain_sandbox.h"

// What each agent is started with, who may be started at all, and what stands
// on record of it. Without containment.

namespace coppice::llm {
namespace {

using testing::AgentWorld;
using testing::OnePrompt;
using testing::PlainSandbox;
using testing::ScopedVariable;
using testing::TempDir;

using Changes = std::vector<FileChange>;

struct PlainWorld : AgentWorld {
  PlainWorld() : AgentWorld(std::make_unique<PlainSandbox>()) {}

  PlainSandbox& plain() { return static_cast<PlainSandbox&>(*sandbox); }
  // The temporary directory that a sandbox would give.
  TempDir own;
  ScopedVariable temp{"TMPDIR", own.path().string()};

  spec::AgentArm Arm(std::string agent, double max_usd = 1) {
    return {
        .agent = std::move(agent), .max_usd = max_usd, .pass_env = {"TMPDIR"}};
  }
  // The arguments that the agent's program gets, a line each.
  std::string Arguments(const std::string& agent, const std::string& program,
                        double max_usd = 1) {
    Install(program, "for a in \"$@\"; do printf '%s\\n' \"$a\"; done > a.c");
    Request request;
    request.prompt = OnePrompt("Go.");
    auto file = [](const char* path, bool may_change) {
      return std::make_shared<const SourceFile>(
          SourceFile{.path = path, .mutable_file = may_change});
    };
    request.files = {file("src/it's.c", true), file("read.me", false),
                     file("-x.c", true)};
    log = {};
    const Proposed proposed = Ask(Arm(agent, max_usd), request);
    REQUIRE(proposed.proposal);
    std::string lines = *proposed.proposal->changes.at(0).content;
    const std::string place = own.path().string();
    for (std::size_t at; (at = lines.find(place)) != lines.npos;)
      lines.replace(at, place.size(), "TMP");
    return lines;
  }
};

TEST_CASE("each agent gets its line, options without a value left out") {
  PlainWorld world;
  CHECK(world.Arguments("claude-code", "claude") ==
        "-p\nGo.\n--output-format\njson\n--permission-mode\nacceptEdits\n"
        "--add-dir\nTMP/coppice\n--no-session-persistence\n"
        "--max-budget-usd\n1\n--strict-mcp-config\n");
  CHECK(world.Arguments("claude-code", "claude", 0) ==
        "-p\nGo.\n--output-format\njson\n--permission-mode\nacceptEdits\n"
        "--add-dir\nTMP/coppice\n--no-session-persistence\n"
        "--strict-mcp-config\n");
  CHECK(world.Arguments("aider", "aider") ==
        "--message-file\nTMP/coppice/prompt.md\n--yes-always\n--no-git\n"
        "--no-auto-commits\n--no-stream\n--no-pretty\n--no-check-update\n"
        "--no-analytics\n--map-tokens\n0\n--chat-history-file\n"
        "TMP/coppice/aider.chat.md\n--input-history-file\nTMP/coppice/"
        "aider.input\n"
        "src/it's.c\n./-x.c\n");
  world.model = "some-model";
  const std::string codex = world.Arguments("codex", "codex");
  const std::size_t directory = codex.find("-C\n") + 3;
  CHECK(codex.substr(0, directory) ==
        "exec\n--json\n--ephemeral\n--skip-git-repo-check\n-s\n"
        "danger-full-access\n-C\n");
  CHECK(codex.substr(codex.find('\n', directory)) ==
        "\n-m\nsome-model\n--ignore-user-config\n--ignore-rules\nGo.\n");
}

TEST_CASE("files that an agent needs are in its home before it starts") {
  PlainWorld world;
  world.Install("gemini", "cat \"$HOME/.gemini/settings.json\" > a.c");
  spec::AgentArm arm = world.Arm("gemini");
  arm.pass_env.emplace_back("HOME");
  const Proposed proposed = world.Ask(std::move(arm));
  REQUIRE(proposed.proposal);
  CHECK(proposed.proposal->changes.at(0).content ==
        R"({"security":{"auth":{"selectedType":"gemini-api-key"}}})");
}

TEST_CASE("an agent that tells no price is charged its limit, as estimated") {
  PlainWorld world;
  world.Install(
      "codex", R"(echo x > a.c; echo '{"type":"item.completed","item":{"type":)"
               R"("agent_message","text":"IDEA: shorter"}}'; echo '{"type":)"
               R"("turn.completed","usage":{"input_tokens":100,)"
               R"("cached_input_tokens":60,"output_tokens":9}}')");
  const Proposed proposed = world.Ask(world.Arm("codex", 0.4));
  REQUIRE(proposed.proposal);
  CHECK(proposed.proposal->plan.idea == "shorter");
  const CallUsage& usage = world.log.answered.at(0).usage;
  CHECK(usage.usd == 0.4);
  CHECK(usage.estimated);
  CHECK(usage.input == 100);
  CHECK(usage.cached == 60);
  CHECK(usage.output == 9);
}

TEST_CASE("an answer on record is used instead of a run") {
  PlainWorld world;
  world.Install("claude", "echo run >> ../runs; echo x > a.c");
  const Proposed fresh = world.Ask(world.Arm("claude-code"));
  const Proposed again = world.Ask(world.Arm("claude-code"));
  CHECK(world.plain().requests.size() == 1);
  REQUIRE(fresh.proposal);
  REQUIRE(again.proposal);
  CHECK(again.proposal->changes == fresh.proposal->changes);
  CHECK(again.proposal->plan.idea == fresh.proposal->plan.idea);
  CHECK(again.proposal->flags == fresh.proposal->flags);
}

TEST_CASE("a failure on record gives the same refusal as when it was fresh") {
  const std::vector<std::string> scripts{"true", "echo 'no credit' >&2; exit 3",
                                         "sleep 60"};
  for (const std::string& script : scripts) {
    CAPTURE(script);
    PlainWorld world;
    world.Install("claude", script);
    spec::AgentArm arm = world.Arm("claude-code");
    arm.timeout_seconds = 1;
    const Proposed fresh = world.Ask(arm);
    const Proposed again = world.Ask(arm);
    CHECK(world.plain().requests.size() == 1);
    CHECK_FALSE(fresh.proposal);
    CHECK(again.refusal.reason == fresh.refusal.reason);
    CHECK(again.refusal.outcome == fresh.refusal.outcome);
  }
}

TEST_CASE("a run during which we died is made again as the next turn") {
  PlainWorld world;
  world.Install("claude", "echo x > a.c");
  for (int turn : {0, 1})
    world.log.Remember({.turn = turn, .stop = "failed: interrupted"});
  CHECK(world.Ask(world.Arm("claude-code")).proposal);
  REQUIRE(world.log.asked.size() == 1);
  CHECK(world.log.asked[0].turn == 2);
  CHECK(world.log.answered.at(0).turn == 2);
}

TEST_CASE("each lost run is charged, the third ends the attempt") {
  PlainWorld world;
  world.Install("claude", "echo x > a.c");
  world.plain().lose_next = 3;
  const Proposed proposed = world.Ask(world.Arm("claude-code", 0.5));
  CHECK_FALSE(proposed.proposal);
  CHECK(proposed.refusal.reason == "lost: told to lose it");
  REQUIRE(world.log.answered.size() == 3);
  for (const Answered& answered : world.log.answered) {
    CHECK(answered.usage.usd == 0.5);
    CHECK(answered.usage.estimated);
  }
  CHECK(world.Ask(world.Arm("claude-code")).refusal.reason ==
        "lost: told to lose it");
  CHECK(world.plain().requests.size() == 3);
}

TEST_CASE("a call that is not granted is not made") {
  PlainWorld world;
  world.Install("claude", "echo x > a.c");
  world.log.RefuseFrom(0);
  Proposed proposed = world.Ask(world.Arm("claude-code"));
  CHECK_FALSE(proposed.proposal);
  REQUIRE(proposed.unavailable);
  CHECK(proposed.unavailable->cause == "budget");
  CHECK_FALSE(proposed.unavailable->off);
  world.log.Close();
  proposed = world.Ask(world.Arm("claude-code"));
  REQUIRE(proposed.unavailable);
  CHECK(proposed.unavailable->cause == "closing");
  CHECK(world.plain().requests.empty());
  CHECK(world.log.answered.empty());
}

TEST_CASE("an agent that cannot be started is named before anything is spent") {
  PlainWorld world;
  auto failure = [&](spec::AgentArm arm) {
    const auto made = MakeAgentProposer(std::move(arm), {}, {world.Parts()});
    REQUIRE_FALSE(made.has_value());
    CHECK(made.error().code == ErrorCode::kUsage);
    return made.error().Text();
  };
  CHECK(failure({.agent = "codex"}) ==
        "proposers: agent codex is not installed (no codex in PATH, or "
        "nothing to run it); install it: npm install -g @openai/codex");
  CHECK(failure({.agent = "claude"}) ==
        "proposers: unknown agent \"claude\"; write one of aider, "
        "claude-code, codex, gemini");
  world.Install("claude", "true");
  world.keys = {};
  CHECK(failure({.agent = "claude-code", .pass_env = {"COPPICE_TEST_NONE"}}) ==
        "proposers: agent claude-code has no key (ANTHROPIC_API_KEY, "
        "ANTHROPIC_AUTH_TOKEN, CLAUDE_CODE_OAUTH_TOKEN is not set); set one "
        "of them, or name what it logs in with in pass_env");
}

TEST_CASE("agents do everything but merge, and fail for good after three") {
  PlainWorld world;
  world.Install("claude", "true");
  auto made = MakeAgentProposer(world.Arm("claude-code"), {}, {world.Parts()});
  REQUIRE(made.has_value());
  CHECK((*made)->Can(Operator::kDebug));
  CHECK_FALSE((*made)->Can(Operator::kMerge));
  CHECK((*made)->style() == PromptStyle::kInPlace);
  CHECK((*made)->off_after_failures());
  CHECK_FALSE((*made)->redraws());
}

}  // namespace
}  // namespace coppice::llm
