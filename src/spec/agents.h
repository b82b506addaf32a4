#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

// configs/agents.yaml: the command lines of coding agents (PROVIDERS §10),
// compiled in.

namespace coppice::spec {

// How what an agent prints is read.
enum class AgentOutput { kText, kClaudeJson, kCodexJsonl, kGeminiJson };

// One argument, or several that are left out together where a placeholder in
// them has no value.
using ArgumentGroup = std::vector<std::string>;

// What {word} in an argument may name.
bool IsPlaceholder(std::string_view word);

struct AgentProfile {
  std::string name;
  std::string tried;                   // the version the line was tried on
  std::string install;                 // the command that installs it
  std::vector<ArgumentGroup> command;  // the program first
  std::vector<std::string> keys;       // the first variable set is passed
  std::string key_as;                  // under this name; empty: its own
  std::vector<std::pair<std::string, std::string>> env;
  std::vector<std::pair<std::string, std::string>> home;  // path, text
  AgentOutput output = AgentOutput::kText;

  const std::string& program() const { return command.front().front(); }
};

class AgentTable {
 public:
  static const AgentTable& BuiltIn();
  // Errors (kUsage) begin with `name` and the line.
  static Result<AgentTable> Parse(std::string_view yaml, std::string name);

  // Error (kUsage): no such agent, naming those there are.
  Result<AgentProfile> Find(std::string_view agent) const;
  const std::vector<AgentProfile>& all() const { return all_; }

 private:
  std::vector<AgentProfile> all_;
};

// The compiled-in file.
std::string_view AgentsText();

}  // namespace coppice::spec
