#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "search/prompt.h"

// The sections of a prompt, each within its cap; "" = there is nothing to say.

namespace coppice::search {

// The fixed part: who measures what, what may change, how to answer.
std::string RulesText(const State& state, const PromptInput& input);
// What the user wants, in the user's words.
std::string GoalText(const State& state);
std::string FilesText(const PromptInput& input);
// Baseline, best, noise, and what is left of the budget.
std::string StandingText(const State& state, AttemptId attempt);
std::string ParentText(const State& state, const PromptInput& input);
std::string PathText(const State& state, AttemptId attempt);
std::string SiblingsText(const State& state, AttemptId attempt,
                         const std::map<AttemptId, std::string>& patches);
std::string DigestText(const State& state, AttemptId attempt);
// The user's idea, or the stance and what others are busy with.
std::string IdeaSection(const State& state, const PromptInput& input);
std::string TaskText(const State& state, const PromptInput& input);

// Other attempts of the same chain on the same parent, in order of selection.
std::vector<AttemptId> SiblingsOf(const State& state, AttemptId attempt);

}  // namespace coppice::search
