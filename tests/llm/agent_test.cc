#include "llm/agent.h"

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <utility>

#include "eval/containment.h"
#include "support/agent_world.h"

// Agents as scripts, in the sandboxes they will meet.

namespace coppice::llm {
namespace {

using testing::AgentWorld;
using testing::OnePrompt;
using testing::ReadFile;
using testing::TempDir;
using testing::WriteFile;

using Changes = std::vector<FileChange>;

// Once without containment, and once in bubblewrap where that works.
void InEachSandbox(const std::function<void(AgentWorld&)>& test) {
  for (const auto mode :
       {eval::SandboxMode::kNone, eval::SandboxMode::kBwrap}) {
    const TempDir scratch;
    auto sandbox = eval::MakeSandbox({.mode = mode, .scratch = scratch.path()});
    if (!sandbox && mode == eval::SandboxMode::kBwrap) {
      MESSAGE("not applicable here: no working bubblewrap");
      continue;
    }
    REQUIRE(sandbox.has_value());
    const std::string isolation = (*sandbox)->isolation().name;
    CAPTURE(isolation);
    AgentWorld world(std::move(*sandbox));
    test(world);
  }
}

constexpr char kResult[] =
    R"(printf '%s\n' '{"type":"result","subtype":"success","is_error":false,)"
    R"("result":"IDEA: unroll the loop\nNEEDS: zlib","total_cost_usd":0.25,)"
    R"("usage":{"input_tokens":10,"cache_read_input_tokens":5,)"
    R"("output_tokens":7},"permission_denials":[]}')";

const Answered& Last(const AgentWorld& world) {
  REQUIRE_FALSE(world.log.answered.empty());
  return world.log.answered.back();
}

TEST_CASE("what an agent leaves in its slot is the proposal") {
  InEachSandbox([](AgentWorld& world) {
    const Proposed proposed = world.Claude(
        std::string("echo 'int a = 2;' > a.c; rm b.c; ") + kResult);
    REQUIRE(proposed.proposal);
    CHECK(proposed.proposal->changes ==
          Changes{{"a.c", "int a = 2;\n"}, {"b.c", std::nullopt}});
    CHECK(proposed.proposal->plan.idea == "unroll the loop");
    CHECK(proposed.proposal->plan.needs == std::vector<std::string>{"zlib"});
    CHECK(proposed.proposal->flags.empty());
    const Answered& answered = Last(world);
    CHECK(answered.stop == "complete");
    CHECK(answered.text == "IDEA: unroll the loop\nNEEDS: zlib");
    CHECK(answered.usage.usd == 0.25);
    CHECK_FALSE(answered.usage.estimated);
    CHECK(answered.usage.input == 15);
    CHECK(answered.usage.cached == 5);
    CHECK(answered.usage.output == 7);
    CHECK(answered.usage.seconds > 0);
    REQUIRE(world.log.asked.size() == 1);
    CHECK(world.log.asked[0].reserve_usd == 1.0);
    CHECK(world.log.asked[0].model == "claude-code");
    CHECK(world.log.asked[0].role == "propose");
  });
}

TEST_CASE("an agent that ends well and changed nothing is a failed edit") {
  InEachSandbox([](AgentWorld& world) {
    const Proposed proposed = world.Claude(
        R"(printf '%s\n' '{"type":"result","subtype":"success","is_error":false,)"
        R"("result":"I could not write.","total_cost_usd":0.1,)"
        R"("permission_denials":[{"tool_name":"Write"},{"tool_name":"Bash"},)"
        R"({"tool_name":"Write"}]}')");
    CHECK_FALSE(proposed.proposal);
    CHECK_FALSE(proposed.unavailable);
    CHECK(proposed.refusal.outcome == Outcome::kEditFailed);
    CHECK(proposed.refusal.reason ==
          "no change: permission denied: Write, Bash");
    CHECK(Last(world).usage.usd == 0.1);
  });
}

TEST_CASE("a failed login is named, whatever the exit status") {
  InEachSandbox([](AgentWorld& world) {
    CHECK(world
              .Claude(R"(printf '%s\n' '{"type":"result","subtype":"success",)"
                      R"("is_error":true,"result":"Failed to authenticate. )"
                      R"(API Error: 401 Invalid API key",)"
                      R"("total_cost_usd":0}'; exit 1)")
              .refusal.reason ==
          "no change: Failed to authenticate. API Error: 401 Invalid API key");
    CHECK(Last(world).usage.usd == 0);
    world.log = {};
    world.Install("aider",
                  "echo working; echo 'litellm.AuthenticationError: Incorrect "
                  "API key provided'; echo bye");
    CHECK(world.Ask({.agent = "aider"}).refusal.reason ==
          "no change: litellm.AuthenticationError: Incorrect API key provided");
  });
}

TEST_CASE("a good diff counts although the agent says that it failed") {
  InEachSandbox([](AgentWorld& world) {
    const Proposed proposed = world.Claude(
        "echo better > a.c; printf '%s\\n' "
        R"('{"type":"result","subtype":"error_max_budget_usd",)"
        R"("is_error":true,"total_cost_usd":1.01}'; exit 1)");
    REQUIRE(proposed.proposal);
    CHECK(proposed.proposal->changes == Changes{{"a.c", "better\n"}});
    CHECK(proposed.proposal->flags ==
          std::vector<std::string>{"exit 1", "subtype error_max_budget_usd",
                                   "is_error"});
    CHECK(proposed.proposal->plan.idea == "changes by claude-code");
    CHECK(Last(world).usage.usd == 1.01);
  });
}

TEST_CASE("a diff after the limit is discarded, and max_usd charged") {
  InEachSandbox([](AgentWorld& world) {
    world.Install("claude", "echo better > a.c; sleep 300");
    const Proposed proposed = world.Ask(
        {.agent = "claude-code", .timeout_seconds = 1, .max_usd = 0.75});
    CHECK_FALSE(proposed.proposal);
    CHECK(proposed.refusal.outcome == Outcome::kEditFailed);
    CHECK(proposed.refusal.reason == "timeout after 1 s");
    CHECK(Last(world).usage.usd == 0.75);
    CHECK(Last(world).usage.estimated);
    CHECK(Last(world).changes.empty());
  });
}

TEST_CASE("a child that keeps the output open does not keep the agent") {
  InEachSandbox([](AgentWorld& world) {
    const Proposed proposed = world.Claude(
        "setsid sh -c 'sleep 300; echo late > b.c' & echo better > a.c");
    REQUIRE(proposed.proposal);
    CHECK(proposed.proposal->changes == Changes{{"a.c", "better\n"}});
    CHECK(world.workspaces.dirty() == 1);
    CHECK(Last(world).usage.seconds < 30);
  });
}

TEST_CASE("an agent sees its own key, and no other variable of the caller") {
  const testing::ScopedVariable secret("COPPICE_TEST_SECRET", "s3cret");
  const testing::ScopedVariable passed("COPPICE_TEST_PASSED", "yes");
  InEachSandbox([](AgentWorld& world) {
    world.Install(
        "claude",
        "env | sed \"s/sk-of-/got:/\" > env.txt; echo $HOME > home.txt; "
        "cat > stdin.txt; ls -A $HOME > list.txt");
    const Proposed proposed =
        world.Ask({.agent = "claude-code",
                   .pass_env = {"COPPICE_TEST_PASSED", "COPPICE_TEST_UNSET"}});
    REQUIRE(proposed.proposal);
    std::map<std::string, std::string> files;
    for (const FileChange& change : proposed.proposal->changes)
      files[change.path] = change.content.value_or("");
    const std::string env = "\n" + files["env.txt"];
    CAPTURE(env);
    auto has = [&](const std::string& line) {
      return env.find("\n" + line) != env.npos;
    };
    CHECK(has("ANTHROPIC_API_KEY=got:ANTHROPIC_API_KEY\n"));
    CHECK(has("COPPICE_ACTIVE=1\n"));
    CHECK(has("CLAUDE_CODE_MAX_RETRIES=0\n"));
    CHECK(has("NO_COLOR=1\n"));
    CHECK(has("COPPICE_TEST_PASSED=yes\n"));
    CHECK_FALSE(has("COPPICE_TEST_UNSET"));
    CHECK(env.find("s3cret") == env.npos);
    CHECK_FALSE(has("OPENAI"));
    CHECK_FALSE(has("GEMINI"));
    CHECK_FALSE(has("COPPICE_RESULT"));
    CHECK(files["home.txt"] != world.home.path().string() + "\n");
    CHECK(files["stdin.txt"].empty());
    CHECK(files["list.txt"].empty());
  });
}

TEST_CASE("the first key variable that is set is passed, as its CLI knows it") {
  InEachSandbox([](AgentWorld& world) {
    world.Install("codex", "env | grep API_KEY | sed s/sk-of-/got:/ > a.c");
    const Proposed proposed = world.Ask({.agent = "codex"});
    REQUIRE(proposed.proposal);
    CHECK(proposed.proposal->changes ==
          Changes{{"a.c", "CODEX_API_KEY=got:OPENAI_API_KEY\n"}});
  });
}

TEST_CASE("a key that an agent prints is redacted, one it writes refused") {
  InEachSandbox([](AgentWorld& world) {
    Proposed proposed = world.Claude(
        "echo better > a.c; echo \"using $ANTHROPIC_API_KEY today\"");
    REQUIRE(proposed.proposal);
    CHECK(Last(world).text == "using [REDACTED] today\n");
    world.log = {};
    proposed = world.Claude("echo \"// $ANTHROPIC_API_KEY\" > a.c");
    CHECK_FALSE(proposed.proposal);
    CHECK(proposed.refusal.reason == "it wrote a key into a file");
    CHECK(Last(world).changes.empty());
  });
}

TEST_CASE("an agent cannot write beside its slot, and all in it is told") {
  InEachSandbox([](AgentWorld& world) {
    WriteFile(world.home / "precious", "mine");
    const Proposed proposed = world.Claude(
        "echo x > " + (world.home / "precious").string() +
        "; echo x > ../beside; mkdir -p deep/er; echo x > deep/er/new; "
        "echo y > b.c");
    REQUIRE(proposed.proposal);
    CHECK(proposed.proposal->changes ==
          Changes{{"b.c", "y\n"}, {"deep/er/new", "x\n"}});
    CHECK(ReadFile(world.home / "precious") == "mine");
  });
}

TEST_CASE("half a gigabyte of output harms nobody") {
  InEachSandbox([](AgentWorld& world) {
    const Proposed proposed = world.Claude(
        "echo better > a.c; head -c 500000000 /dev/zero | tr "
        "'\\0' 'x'; echo; " +
        std::string(kResult));
    REQUIRE(proposed.proposal);
    CHECK(proposed.proposal->changes == Changes{{"a.c", "better\n"}});
    const bool read = Last(world).text == "IDEA: unroll the loop\nNEEDS: zlib";
    CHECK(read);
    CHECK(Last(world).text.size() < 70'000);
    CHECK(Last(world).usage.usd == 0.25);
  });
}

TEST_CASE("the prompt arrives as it is, a long one in a file") {
  InEachSandbox([](AgentWorld& world) {
    world.Install("claude", "printf %s \"$2\" > a.c");
    Request request;
    const std::string nasty = "Don't `id` \"$HOME\" \\ $(id)\nsecond\tline";
    request.prompt = OnePrompt(nasty);
    Proposed proposed = world.Ask({.agent = "claude-code"}, request);
    REQUIRE(proposed.proposal);
    CHECK(proposed.proposal->changes == Changes{{"a.c", nasty}});
    REQUIRE(world.log.asked.size() == 1);
    CHECK(world.log.asked[0].prompt ==
          std::vector<Utterance>{{Speaker::kUser, nasty}});

    world.log = {};
    world.Install(
        "claude",
        "f=${2#*in the file }; f=${f%%,*}; cat \"$f\" > a.c; "
        "shift 2; echo \"$*\" | grep -q -- \"--add-dir $(dirname $f) \" "
        "&& rm b.c");
    std::string text;
    while (text.size() < 240'000) text += "it's 'quoted' text\n";
    request.prompt = OnePrompt(text);
    proposed = world.Ask({.agent = "claude-code"}, request);
    REQUIRE(proposed.proposal);
    REQUIRE(proposed.proposal->changes.size() == 2);
    CHECK(proposed.proposal->changes[0] == FileChange{"a.c", text});
    CHECK(proposed.proposal->changes[1] == FileChange{"b.c", std::nullopt});
  });
}

}  // namespace
}  // namespace coppice::llm
