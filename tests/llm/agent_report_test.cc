#include "llm/agent_report.h"

#include <doctest/doctest.h>

#include <string>

namespace coppice::llm {
namespace {

using spec::AgentOutput;
using Strings = std::vector<std::string>;

// As the real programs print, shortened.
constexpr char kClaude[] =
    R"({"type":"result","subtype":"success","is_error":false,)"
    R"("num_turns":3,"result":"IDEA: unroll\nDone.","session_id":"x",)"
    R"("total_cost_usd":0.0312,"usage":{"input_tokens":4,)"
    R"("cache_creation_input_tokens":100,"cache_read_input_tokens":2000,)"
    R"("output_tokens":50,"service_tier":"standard"},)"
    R"("modelUsage":{"large":{"inputTokens":4,"outputTokens":50,)"
    R"("cacheReadInputTokens":2000,"cacheCreationInputTokens":100,)"
    R"("costUSD":0.03},"small":{"inputTokens":300,"outputTokens":20,)"
    R"("cacheReadInputTokens":0,"cacheCreationInputTokens":0,)"
    R"("costUSD":0.0012}},"permission_denials":[]})"
    "\n";

constexpr char kCodex[] =
    R"({"type":"thread.started","thread_id":"t"})"
    "\n"
    R"({"type":"turn.started"})"
    "\n"
    R"({"type":"item.completed","item":{"type":"agent_message","text":"a"}})"
    "\n"
    R"({"type":"turn.completed","usage":{"input_tokens":100,)"
    R"("cached_input_tokens":90,"output_tokens":10}})"
    "\n"
    R"({"type":"item.completed","item":{"type":"agent_message","text":"b"}})"
    "\n"
    R"({"type":"turn.completed","usage":{"input_tokens":200,)"
    R"("cached_input_tokens":150,"output_tokens":20}})"
    "\n";

constexpr char kGemini[] = R"(Loaded cached credentials.
{
  "session_id": "s",
  "response": "IDEA: hoist",
  "stats": {
    "models": {
      "pro": {"tokens": {"prompt": 500, "candidates": 30, "total": 600,
                         "cached": 100, "thoughts": 70, "tool": 5}},
      "flash": {"tokens": {"prompt": 50, "candidates": 3, "cached": 0,
                           "thoughts": 0, "tool": 0}}
    },
    "tools": {"totalCalls": 0}
  }
})";

TEST_CASE("claude states cost and the tokens of every model it used") {
  const AgentReport report =
      ReadAgentOutput(AgentOutput::kClaudeJson, kClaude, "");
  CHECK(report.text == "IDEA: unroll\nDone.");
  CHECK(report.usd == 0.0312);
  CHECK(report.input == 2404);
  CHECK(report.cached == 2000);
  CHECK(report.output == 70);
  CHECK(report.flags.empty());
  CHECK(report.trouble.empty());
}

TEST_CASE("claude's result is found between other lines") {
  const std::string out =
      "{broken\nwarning: {x}\n" + std::string(kClaude) + "bye\n";
  CHECK(ReadAgentOutput(AgentOutput::kClaudeJson, out, "").usd == 0.0312);
}

TEST_CASE("claude's subtype and denials are flags, its error the trouble") {
  const AgentReport denied = ReadAgentOutput(
      AgentOutput::kClaudeJson,
      R"({"subtype":"success","is_error":false,"permission_denials":)"
      R"([{"tool_name":"Edit","tool_input":{}},{}]})",
      "");
  CHECK(denied.flags == Strings{"permission denied: Edit, a tool"});
  CHECK(denied.trouble == "permission denied: Edit, a tool");
  const AgentReport failed = ReadAgentOutput(
      AgentOutput::kClaudeJson,
      R"({"subtype":"success","is_error":true,"result":"Prompt is too long"})",
      "");
  CHECK(failed.flags == Strings{"is_error"});
  CHECK(failed.trouble == "Prompt is too long");
  CHECK_FALSE(failed.usd);
}

TEST_CASE("codex's turns add up, its last message counts") {
  const AgentReport report =
      ReadAgentOutput(AgentOutput::kCodexJsonl, kCodex, "");
  CHECK(report.text == "b");
  CHECK_FALSE(report.usd);
  CHECK(report.input == 300);
  CHECK(report.cached == 240);
  CHECK(report.output == 30);
}

TEST_CASE("codex's failed turn is the trouble") {
  const AgentReport report = ReadAgentOutput(
      AgentOutput::kCodexJsonl,
      "{\"type\":\"error\",\"message\":\"Reconnecting... 1/5\"}\n"
      "{\"type\":\"turn.failed\",\"error\":{\"message\":\"unexpected status "
      "401 Unauthorized\"}}\n",
      "");
  CHECK(report.trouble == "unexpected status 401 Unauthorized");
  CHECK(report.flags == Strings{"turn failed"});
}

TEST_CASE("gemini's models add up, thoughts are output") {
  const AgentReport report =
      ReadAgentOutput(AgentOutput::kGeminiJson, kGemini, "");
  CHECK(report.text == "IDEA: hoist");
  CHECK_FALSE(report.usd);
  CHECK(report.input == 555);
  CHECK(report.cached == 100);
  CHECK(report.output == 103);
}

TEST_CASE("gemini tells its failure on the other stream") {
  const AgentReport report = ReadAgentOutput(
      AgentOutput::kGeminiJson, "",
      "Error when talking\n  at x {\n  status: 401\n}\n{\n  \"error\": "
      "{\"type\": \"Error\", \"message\": \"Invalid API key\", \"code\": "
      "401}\n}\n");
  CHECK(report.trouble == "Invalid API key");
  CHECK(report.flags == Strings{"error Error"});
}

TEST_CASE("prose is the text, and a failed login in it the trouble") {
  const AgentReport report =
      ReadAgentOutput(AgentOutput::kText,
                      "Aider\nIDEA: less\nYour quota is used up.\nbye\n", "");
  CHECK(report.text.starts_with("Aider\nIDEA: less\n"));
  CHECK(report.trouble == "Your quota is used up.");
  CHECK_FALSE(report.usd);
}

TEST_CASE("numbers that cannot be are left out") {
  auto claude = [](const std::string& fields) {
    return ReadAgentOutput(AgentOutput::kClaudeJson, "{" + fields + "}", "");
  };
  CHECK_FALSE(claude(R"("total_cost_usd":-1)").usd);
  CHECK_FALSE(claude(R"("total_cost_usd":"0.5")").usd);
  CHECK_FALSE(claude(R"("total_cost_usd":1e999)").usd);
  CHECK(claude(R"("usage":{"output_tokens":-5})").output == 0);
  CHECK(claude(R"("usage":{"output_tokens":7.0})").output == 7);
  CHECK(claude(R"("usage":[1,2],"modelUsage":"x")").input == 0);
}

TEST_CASE("any cut, and any byte put anywhere, is read without harm") {
  const std::pair<AgentOutput, std::string> samples[] = {
      {AgentOutput::kClaudeJson, kClaude},
      {AgentOutput::kCodexJsonl, kCodex},
      {AgentOutput::kGeminiJson, kGemini}};
  for (const auto& [kind, whole] : samples) {
    for (std::size_t i = 0; i < whole.size(); ++i) {
      ReadAgentOutput(kind, std::string_view(whole).substr(0, i), whole);
      for (char c : {'\0', '"', '{', '\xff', '9'}) {
        std::string changed = whole;
        changed[i] = c;
        const AgentReport report = ReadAgentOutput(kind, changed, "");
        CHECK(report.input >= 0);
        CHECK(report.output >= 0);
      }
    }
  }
  std::string deep(100'000, '[');
  deep = "{\"result\":" + deep;
  CHECK(ReadAgentOutput(AgentOutput::kClaudeJson, deep, "").text.empty());
}

}  // namespace
}  // namespace coppice::llm
