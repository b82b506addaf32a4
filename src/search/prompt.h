#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/ids.h"
#include "llm/proposer.h"
#include "search/prompt_templates.h"
#include "search/state.h"
#include "spec/scope_rules.h"

// What an arm is asked (SPEC §10). Pure functions of the records so far and of
// the files as they are in the parent: the same bytes whenever they are built
// again, by a replay or a reader. No clock, no chance.

namespace coppice::search {

using PromptFiles = std::vector<std::shared_ptr<const llm::SourceFile>>;

// Caps of the sections, in bytes; that of the files is max_prompt_kb.
inline constexpr std::size_t kRulesCap = 6000;
inline constexpr std::size_t kGoalCap = 8000;
inline constexpr std::size_t kStandingCap = 1000;
inline constexpr std::size_t kParentCap = 8000;
inline constexpr std::size_t kPathCap = 4000;
inline constexpr std::size_t kSiblingsCap = 8000;
inline constexpr std::size_t kDigestCap = 6000;
inline constexpr std::size_t kIdeaCap = 2000;
inline constexpr std::size_t kTaskCap = 2000;

// Attempts whose patch the prompt shows: the last two siblings with a commit,
// the latest first. The caller fetches them.
std::vector<AttemptId> WantedPatches(const State& state, AttemptId attempt);

struct PromptInput {
  AttemptId attempt;
  llm::PromptStyle style = llm::PromptStyle::kAnswer;
  llm::EditFormat format = llm::EditFormat::kSearchReplace;
  std::string marker_suffix;
  const PromptFiles& files;
  const std::map<AttemptId, std::string>& patches;  // of WantedPatches
  std::string_view parent_output;  // the last of it, if the parent failed
  const spec::ResolvedScope& scope;
  int max_prompt_kb = 240;
  const Templates& templates;
};

// The sections in a fixed order, what changes least first, each within its
// cap: rules, goal, files, standing, parent, path, siblings, digest, idea,
// task. Those that an operator is not shown, or that are empty, are left out.
llm::Prompt BuildPrompt(const State& state, const PromptInput& input);

// Four letters after each marker of the edit format if a shown file has a line
// that is one; else nothing.
std::string MarkerSuffix(const PromptFiles& files, std::uint64_t seed,
                         AttemptId attempt);

}  // namespace coppice::search
