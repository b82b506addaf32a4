#include "support/agent_world.h"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <filesystem>
#include <utility>

namespace coppice::testing {
namespace fs = std::filesystem;

ScopedVariable::ScopedVariable(std::string name,
                               std::optional<std::string> value)
    : name_(std::move(name)) {
  if (const char* before = getenv(name_.c_str())) before_ = before;
  if (value) {
    setenv(name_.c_str(), value->c_str(), 1);
  } else {
    unsetenv(name_.c_str());
  }
}

ScopedVariable::~ScopedVariable() {
  if (before_) {
    setenv(name_.c_str(), before_->c_str(), 1);
  } else {
    unsetenv(name_.c_str());
  }
}

void RunTask(Task<void> task) {
  asio::io_context io;
  std::exception_ptr failure;
  asio::co_spawn(io, std::move(task),
                 [&](std::exception_ptr e) { failure = e; });
  io.run();
  if (failure) std::rethrow_exception(failure);
}

AgentWorld::AgentWorld(std::unique_ptr<Sandbox> made)
    : sandbox(std::move(made)) {
  parent = workspaces.Add({{"a.c", "int a = 1;\n"}, {"b.c", "int b;\n"}});
  std::vector<std::string> variables{"CODEX_API_KEY", "ANTHROPIC_AUTH_TOKEN",
                                     "CLAUDE_CODE_OAUTH_TOKEN",
                                     "GOOGLE_API_KEY", "OPENROUTER_API_KEY"};
  for (const std::string& variable : variables) unsetenv(variable.c_str());
  for (const char* variable :
       {"ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY"}) {
    setenv(variable, ("sk-of-" + std::string(variable)).c_str(), 1);
    variables.emplace_back(variable);
  }
  keys.Take(variables);
}

void AgentWorld::Install(const std::string& program,
                         const std::string& script) {
  // As npm installs: a link in bin to a file of a package.
  const fs::path package = home / ".npm/lib/node_modules" / program;
  WriteFile(package / "cli.sh", "#!/bin/sh\n" + script + "\n");
  fs::permissions(package / "cli.sh", fs::perms(0755));
  fs::create_directories(home / ".npm/bin");
  std::error_code ignored;
  fs::create_symlink("../lib/node_modules/" + program + "/cli.sh",
                     home / ".npm/bin" / program, ignored);
}

llm::CommandParts AgentWorld::Parts() {
  return {*sandbox, workspaces,
          [this](const Lease& lease) -> Task<Result<llm::LeftBehind>> {
            llm::LeftBehind left{workspaces.Changes(lease), refused};
            co_return left;
          },
          keys};
}

llm::Proposed AgentWorld::Ask(spec::AgentArm arm, llm::Request request) {
  if (request.parent.IsZero()) request.parent = parent;
  std::optional<std::string> chosen;
  if (!model.empty()) chosen = model;
  auto made = llm::MakeAgentProposer(std::move(arm), chosen, {Parts()});
  REQUIRE_MESSAGE(made.has_value(), made.error().Text());
  llm::Proposed proposed;
  auto ask = [&]() -> Task<void> {
    proposed = co_await (*made)->Propose(request, log);
  };
  RunTask(ask());
  CHECK(workspaces.leased() == 0);
  return proposed;
}

llm::Proposed AgentWorld::Claude(const std::string& script) {
  Install("claude", script);
  return Ask({.agent = "claude-code", .timeout_seconds = 60});
}

llm::Prompt OnePrompt(std::string text) {
  return {llm::PromptSection{.name = "goal", .text = std::move(text)}};
}

}  // namespace coppice::testing
