#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "search/prompt_sections.h"
#include "search/prompt_story.h"
#include "search/prompt_words.h"

// What was tried above and beside the new attempt.

namespace coppice::search {
namespace {

constexpr std::size_t kSiblingsShown = 12;
constexpr std::size_t kPatchRoom = 2400;  // of each of two
constexpr std::size_t kFrameRoom = 250;   // title, fences, notes

}  // namespace

std::vector<AttemptId> SiblingsOf(const State& state, AttemptId attempt) {
  const Choice selected = state.Info(attempt)->selected;
  std::vector<AttemptId> siblings;
  for (AttemptId other : state.AttemptsFrom(selected.parents.front())) {
    if (other != attempt &&
        state.tree().FindAttempt(other)->chain == selected.chain) {
      siblings.push_back(other);
    }
  }
  return siblings;
}

std::string PathText(const State& state, AttemptId attempt) {
  const SolutionTree& tree = state.tree();
  const Choice selected = state.Info(attempt)->selected;
  const NodeId parent = *tree.Find(selected.parents.front());
  std::vector<std::string> steps;
  for (NodeId at : tree.PathToRoot(parent)) {
    if (at == tree.root()) break;
    std::string step = StoryOf(state, tree[at].attempt);
    const std::optional<double>& before = tree[*tree.FirstParent(at)].value;
    if (tree[at].value && before) {
      step.insert(step.find('\n'),
                  fmt::format(", {} on its parent",
                              GainText(state, *tree[at].value, *before)));
    }
    steps.push_back(std::move(step));
  }
  std::ranges::reverse(steps);
  std::vector<std::string> fixes;
  if (selected.op == Operator::kDebug) {
    for (AttemptId other : SiblingsOf(state, attempt)) {
      if (state.tree().FindAttempt(other)->op == Operator::kDebug) {
        fixes.push_back(StoryOf(state, other));
      }
    }
  }
  if (steps.empty() && fixes.empty()) return "";
  const std::size_t room = kPathCap - kFrameRoom;
  const std::string tried = fixes.empty()
                                ? ""
                                : "Fixes of the parent tried before:\n" +
                                      LastThatFit(fixes, room / 2);
  return DataSection("Path: from the baseline to the parent",
                     LastThatFit(steps, room - tried.size()) + tried, kPathCap);
}

std::string SiblingsText(const State& state, AttemptId attempt,
                         const std::map<AttemptId, std::string>& patches) {
  std::vector<AttemptId> siblings = SiblingsOf(state, attempt);
  // Of those still being written there is nothing to say.
  const auto silent = std::erase_if(siblings, [&](AttemptId other) {
    if (state.tree().FindAttempt(other)->outcome) return false;
    const InfoView info = state.Info(other);
    return info->plan.idea.empty() && info->selected.idea.empty();
  });
  if (siblings.empty() && silent == 0) return "";
  const std::size_t left_out =
      siblings.size() - std::min(siblings.size(), kSiblingsShown);
  const std::vector<std::string> stories = StoriesOf(
      state, {siblings.begin() + static_cast<std::ptrdiff_t>(left_out),
              siblings.end()});
  std::string shown;
  for (AttemptId wanted : WantedPatches(state, attempt)) {
    auto patch = patches.find(wanted);
    if (patch == patches.end()) continue;
    const std::string text = HeadAndTail(FileText(patch->second), kPatchRoom);
    shown += fmt::format("\nPatch of #{}:\n{}{}", wanted.value(), text,
                         text.ends_with('\n') ? "" : "\n");
  }
  std::string text;
  if (left_out > 0) text = fmt::format("({} before these)\n", left_out);
  text += LastThatFit(stories, kSiblingsCap - kFrameRoom - shown.size());
  if (silent > 0) text += fmt::format("({} more under way)\n", silent);
  return DataSection("Siblings: other attempts on the same parent",
                     text + shown, kSiblingsCap);
}

}  // namespace coppice::search
