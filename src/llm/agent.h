#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "llm/command.h"
#include "llm/proposer.h"
#include "spec/agents.h"
#include "spec/spec.h"

namespace coppice::llm {

// What agents need; must outlive them.
struct AgentParts {
  CommandParts commands;
  const spec::AgentTable& agents = spec::AgentTable::BuiltIn();
};

// A coding agent in a slot of its own (PROVIDERS §10), judged by its diff
// alone: how it exits and what it says of itself become flags. It gets the
// prompt, a private HOME, its one key and the network. `model` is passed on if
// there is one. An agent that states no cost is charged max_usd, estimated.
// Errors (kUsage): no such agent, its program is not installed, no key is set
// and no variable passed either.
Result<std::unique_ptr<Proposer>> MakeAgentProposer(
    spec::AgentArm arm, std::optional<std::string> model, AgentParts parts);

}  // namespace coppice::llm
