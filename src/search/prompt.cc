#include "search/prompt.h"

#include <utility>

#include "search/prompt_sections.h"

// A prompt is its sections in one order for all: first what is the same for
// the whole run, then what attempts on one parent share, then what is the
// attempt's own, so that a server can keep the longest beginning. Which
// operator is shown what is one table.

namespace coppice::search {
namespace {

using llm::PromptSection;

struct Shown {
  bool parent = false;
  bool path = false;
  bool siblings = false;
  bool digest = false;
  bool stance = false;
};

// SPEC §10, column by column. Merges ask nobody.
Shown ShownTo(const Choice& selected) {
  Shown shown;
  switch (selected.op) {
    case Operator::kDraft:
    case Operator::kMerge:
      shown = {.siblings = true, .digest = true, .stance = true};
      break;
    case Operator::kImprove:
      shown = {true, true, true, true, true};
      break;
    case Operator::kDebug:
      shown = {.parent = true, .path = true};
      break;
    case Operator::kTune:
      shown = {.parent = true, .digest = true};
      break;
  }
  if (selected.history_withheld) {
    shown.path = shown.siblings = shown.digest = false;
  }
  return shown;
}

// What goes first where a prompt is too long for its model.
enum Keep {
  kDigest,
  kSiblings,
  kPath,
  kParent,
  kStanding,
  kIdea,
  kFiles = 50,
  kAlways = PromptSection::kKeepAlways
};

}  // namespace

std::vector<AttemptId> WantedPatches(const State& state, AttemptId attempt) {
  constexpr std::size_t kPatches = 2;
  std::vector<AttemptId> wanted;
  if (!ShownTo(state.Info(attempt)->selected).siblings) return wanted;
  const std::vector<AttemptId> siblings = SiblingsOf(state, attempt);
  for (auto it = siblings.rbegin();
       it != siblings.rend() && wanted.size() < kPatches; ++it) {
    if (state.tree().Find(*it)) wanted.push_back(*it);
  }
  return wanted;
}

llm::Prompt BuildPrompt(const State& state, const PromptInput& input) {
  const AttemptId attempt = input.attempt;
  const Shown shown = ShownTo(state.Info(attempt)->selected);
  llm::Prompt prompt;
  auto add = [&](const char* name, int keep, std::string text) {
    if (text.empty()) return;
    prompt.push_back({.name = name, .text = std::move(text), .keep = keep});
  };
  add("rules", kAlways, RulesText(state, input));
  prompt.back().system = true;
  add("goal", kAlways, GoalText(state));
  add("files", kFiles, FilesText(input));
  add("standing", kStanding, StandingText(state, attempt));
  if (shown.parent) add("parent", kParent, ParentText(state, input));
  if (shown.path) add("path", kPath, PathText(state, attempt));
  if (shown.siblings) {
    add("siblings", kSiblings, SiblingsText(state, attempt, input.patches));
  }
  if (shown.digest) add("digest", kDigest, DigestText(state, attempt));
  if (shown.stance) add("idea", kIdea, IdeaSection(state, input));
  add("task", kAlways, TaskText(state, input));
  return prompt;
}

}  // namespace coppice::search
