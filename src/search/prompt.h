#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "llm/proposer.h"
#include "search/state.h"
#include "spec/scope_rules.h"

namespace coppice::search {

// The fixed texts of prompts (configs/prompts/*.md), compiled in. Words in
// {{braces}} are filled in.
class Templates {
 public:
  static const Templates& BuiltIn();
  // The built-in ones, with those of a directory in their place. kUsage: a
  // file of another name, or a placeholder that its text does not have.
  static Result<Templates> Load(const std::filesystem::path& directory);

  using Values = std::vector<std::pair<std::string_view, std::string>>;
  std::string Fill(std::string_view name, const Values& values = {}) const;

 private:
  std::map<std::string, std::string, std::less<>> texts_;
};

using PromptFiles = std::vector<std::shared_ptr<const llm::SourceFile>>;

// Attempts whose patch the prompt shows: the last two siblings with a commit.
std::vector<AttemptId> WantedPatches(const State& state, AttemptId attempt);

struct PromptInput {
  AttemptId attempt;
  llm::PromptStyle style = llm::PromptStyle::kAnswer;
  llm::EditFormat format = llm::EditFormat::kSearchReplace;
  std::string marker_suffix;
  const PromptFiles& files;
  const std::map<AttemptId, std::string>& patches;  // of WantedPatches
  const spec::ResolvedScope& scope;
  int max_prompt_kb = 240;
  const Templates& templates;
};

// What an attempt's arm is asked (SPEC §10): sections in a fixed order, most
// stable first, each within its cap. A pure function of the records so far, so
// that it can be built again byte for byte; no clock, no chance.
llm::Prompt BuildPrompt(const State& state, const PromptInput& input);

// Four letters after each marker of the edit format if a shown file has a line
// that is one; else nothing.
std::string MarkerSuffix(const PromptFiles& files, std::uint64_t seed,
                         AttemptId attempt);

// ---- The sections, for prompt.cc -------------------------------------------

// Caps of SPEC §10, in characters.
inline constexpr std::size_t kRulesCap = 6000;
inline constexpr std::size_t kGoalCap = 8000;
inline constexpr std::size_t kStandingCap = 1000;
inline constexpr std::size_t kParentCap = 8000;
inline constexpr std::size_t kPathCap = 4000;
inline constexpr std::size_t kSiblingsCap = 8000;
inline constexpr std::size_t kDigestCap = 6000;
inline constexpr std::size_t kIdeaCap = 2000;
inline constexpr std::size_t kTaskCap = 2000;

std::string StandingText(const State& state);
std::string ParentText(const State& state, AttemptId parent, Operator op);
std::string PathText(const State& state, AttemptId parent, Operator op);
std::string SiblingsText(const State& state, AttemptId attempt,
                         const std::map<AttemptId, std::string>& patches);
std::string DigestText(const State& state, AttemptId attempt);

// A fence around text that is only data: longer than any run of backticks in
// it, control characters removed.
std::string DataFence(std::string_view label, std::string_view text);
// The value with its gain against the baseline: "9.87 (-20.5% ...)".
std::string ValueText(const State& state, AttemptId node);

}  // namespace coppice::search
