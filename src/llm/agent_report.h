#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "spec/agents.h"

namespace coppice::llm {

// What an agent said about its run. Nothing of it decides: the diff does.
struct AgentReport {
  std::string text;  // its last words to the user
  std::optional<double> usd;
  std::int64_t input = 0;  // tokens, cached ones included
  std::int64_t output = 0;
  std::int64_t cached = 0;
  std::vector<std::string> flags;  // "subtype error_max_budget_usd"
  std::string trouble;  // one line: what it was denied, or went wrong
};

// Of any bytes; what is not understood is left out.
AgentReport ReadAgentOutput(spec::AgentOutput kind, std::string_view out,
                            std::string_view err);

}  // namespace coppice::llm
