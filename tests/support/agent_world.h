#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "llm/agent.h"
#include "support/fake_workspaces.h"
#include "support/memory_call_log.h"
#include "support/temp_dir.h"

namespace coppice::testing {

// A variable of this process for as long as it lives; no value: unset.
class ScopedVariable {
 public:
  ScopedVariable(std::string name, std::optional<std::string> value);
  ~ScopedVariable();
  ScopedVariable(const ScopedVariable&) = delete;
  ScopedVariable& operator=(const ScopedVariable&) = delete;

 private:
  std::string name_;
  std::optional<std::string> before_;
};

// Runs one task to its end in real time.
void RunTask(Task<void> task);

// Agents that are shell scripts, in real sandboxes and plain slots. Their keys
// are "sk-<variable>" each.
struct AgentWorld {
  explicit AgentWorld(std::unique_ptr<Sandbox> sandbox);

  // Puts the script on PATH under the name of an agent's program.
  void Install(const std::string& program, const std::string& script);

  llm::CommandParts Parts();
  // One attempt of the agent, on `log`.
  llm::Proposed Ask(spec::AgentArm arm, llm::Request request = {});
  // A claude-code that is this script.
  llm::Proposed Claude(const std::string& script);

  TempDir home;  // the caller's; programs are in its .npm/bin
  ScopedVariable home_variable{"HOME", home.path().string()};
  ScopedVariable path{"PATH", (home / ".npm/bin").string() + ":/usr/bin:/bin"};
  llm::Keys keys;
  FakeWorkspaces workspaces;
  std::unique_ptr<Sandbox> sandbox;
  MemoryCallLog log;
  std::string model;
  std::vector<std::string> refused;  // what cannot be read back
  ObjectId parent;
};

// A prompt of one section.
llm::Prompt OnePrompt(std::string text);

}  // namespace coppice::testing
