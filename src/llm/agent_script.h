#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "spec/agents.h"

namespace coppice::llm {

// What the placeholders of an agent's line stand for; empty: no value.
struct AgentValues {
  std::string program;  // path of the program
  std::string model;
  std::string max_usd;
  std::vector<std::string> files;  // relative to the directory
  std::size_t prompt_bytes = 0;
};

// A prompt longer than this is named, not given: one argument of a program
// cannot be longer than 128 KiB.
inline constexpr std::size_t kLongPrompt = std::size_t{100} << 10;

// The text for `sh -c` that runs the agent once. It takes the prompt from its
// standard input, and the agent gets the null device there.
std::string AgentScript(const spec::AgentProfile& profile,
                        const AgentValues& values);

}  // namespace coppice::llm
