#include <doctest/doctest.h>

#include <string>

#include "spec/agents.h"

namespace coppice::spec {
namespace {

std::string Wrong(const std::string& yaml) {
  const auto table = AgentTable::Parse(yaml, "a.yaml");
  REQUIRE_FALSE(table.has_value());
  CHECK(table.error().code == ErrorCode::kUsage);
  return table.error().Text();
}

TEST_CASE("the table that is compiled in has the four agents") {
  const AgentTable& table = AgentTable::BuiltIn();
  REQUIRE(table.all().size() == 4);
  const auto claude = table.Find("claude-code");
  REQUIRE(claude.has_value());
  CHECK(claude->program() == "claude");
  CHECK(claude->tried == "2.1.197");
  CHECK(claude->output == AgentOutput::kClaudeJson);
  CHECK(claude->keys.front() == "ANTHROPIC_API_KEY");
  CHECK(table.Find("codex")->output == AgentOutput::kCodexJsonl);
  CHECK(table.Find("gemini")->home.size() == 1);
  CHECK(table.Find("aider")->output == AgentOutput::kText);
  for (const AgentProfile& agent : table.all()) {
    CHECK_FALSE(agent.install.empty());
    CHECK_FALSE(agent.tried.empty());
  }
}

TEST_CASE("numbers among the arguments stay as they are written") {
  const auto table = AgentTable::Parse(
      "x:\n  tried: 1.10\n  install: y\n  command: [p, 0x10, 1.50, yes]\n",
      "a.yaml");
  REQUIRE(table.has_value());
  CHECK(table->all()[0].tried == "1.10");
  CHECK(table->all()[0].command ==
        std::vector<ArgumentGroup>{{"p"}, {"0x10"}, {"1.50"}, {"yes"}});
}

TEST_CASE("what is wrong in a table is named with its line") {
  CHECK(Wrong("x:\n  install: y\n  command: [p]\n  comand: 1\n")
            .find("a.yaml:4: unknown key \"comand\"") != std::string::npos);
  CHECK(Wrong("x:\n  install: y\n  command: [p, \"{promt}\"]\n")
            .find("a.yaml:3: unknown placeholder {promt}") !=
        std::string::npos);
  CHECK(Wrong("x:\n  install: y\n  command: [p, \"a{files}\"]\n")
            .find("{files} is an argument of its own") != std::string::npos);
  CHECK(Wrong("x:\n  install: y\n  command: [[p, q]]\n")
            .find("begins with the name of a program") != std::string::npos);
  CHECK(Wrong("x:\n  install: y\n  command: [p]\n  output: xml\n")
            .find("unknown output \"xml\"") != std::string::npos);
  CHECK(Wrong("x:\n  install: y\n  command: [p]\n  home: {../a: b}\n")
            .find("is no path within HOME") != std::string::npos);
  CHECK(Wrong("x: 1\n").find("an agent is a map") != std::string::npos);
  CHECK(Wrong("x: {}\n").find("an agent needs a command") != std::string::npos);
  CHECK(Wrong("- x\n").find("the file is a map of agents") !=
        std::string::npos);
}

}  // namespace
}  // namespace coppice::spec
