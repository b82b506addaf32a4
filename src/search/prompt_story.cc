#include "search/prompt_story.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "base/text.h"
#include "search/prompt_words.h"

namespace coppice::search {
namespace {

constexpr std::size_t kIdeaWidth = 120;
constexpr std::size_t kReasonWidth = 160;
constexpr std::size_t kLessonWidth = 240;

}  // namespace

bool TellsOfHoldout(const AttemptInfo& info) {
  return info.evaluated &&
         (info.reason.view().find("holdout") != std::string_view::npos ||
          info.evaluated->signature.view().starts_with(
              Name(EvalPhase::kHoldout)));
}

std::string GainText(const State& state, double value, double from) {
  const double gain =
      spec::Sign(state.spec().metric.direction) * (value - from);
  if (from == 0) return (gain < 0 ? "" : "+") + FormatShort(gain);
  return FormatPercent(gain / std::abs(from));
}

std::string ValueText(const State& state, AttemptId attempt) {
  const SolutionTree& tree = state.tree();
  const std::optional<NodeId> node = tree.Find(attempt);
  if (!node || !tree[*node].value) return "";
  const double value = *tree[*node].value;
  const std::optional<double>& baseline = tree[tree.root()].value;
  if (*node == tree.root() || !baseline) return FormatShort(value, 6);
  return fmt::format("{} ({} on the baseline)", FormatShort(value, 6),
                     GainText(state, value, *baseline));
}

std::string ResultText(const State& state, AttemptId attempt) {
  const Attempt* known = state.tree().FindAttempt(attempt);
  if (known == nullptr || !known->outcome) {
    return known != nullptr && known->node ? "being measured" : "under way";
  }
  const std::string_view outcome = Name(*known->outcome);
  std::string text(outcome);
  if (MayBeImproved(*known->outcome)) {
    const std::string value = ValueText(state, attempt);
    if (!value.empty()) text += ", " + value;
  }
  const bool said_by_value = *known->outcome == Outcome::kBaseline ||
                             *known->outcome == Outcome::kImproved ||
                             *known->outcome == Outcome::kValid;
  const InfoView info = state.Info(attempt);
  const std::string reason = OneLine(info->reason, kReasonWidth);
  if (TellsOfHoldout(*info)) {
    text += ", not confirmed";
  } else if (reason.starts_with(outcome)) {
    text = said_by_value ? text : reason;
  } else if (!said_by_value && !reason.empty()) {
    text += ", " + reason;
  }
  return text;
}

std::string IdeaText(const State& state, AttemptId attempt) {
  const InfoView info = state.Info(attempt);
  const std::string_view idea =
      info->plan.idea.empty() ? info->selected.idea : info->plan.idea;
  std::string text = idea.empty()
                         ? "(idea not known)"
                         : fmt::format("\"{}\"", OneLine(idea, kIdeaWidth));
  if (!info->plan.category.empty()) {
    text += fmt::format(" [{}]", OneLine(info->plan.category, 20));
  }
  return text;
}

std::string StoryOf(const State& state, AttemptId attempt) {
  std::string text =
      fmt::format("#{} {} {}: {}\n", attempt.value(),
                  Name(state.Info(attempt)->selected.op),
                  IdeaText(state, attempt), ResultText(state, attempt));
  const std::string lesson = state.LessonOf(attempt);
  if (!lesson.empty()) {
    text += fmt::format("   lesson: {}\n", OneLine(lesson, kLessonWidth));
  }
  return text;
}

std::vector<std::string> StoriesOf(const State& state,
                                   const std::vector<AttemptId>& attempts) {
  struct Told {
    AttemptId attempt;
    Interned category;
    std::vector<std::string> words;
  };
  std::vector<Told> earlier;
  std::vector<std::string> stories;
  for (AttemptId attempt : attempts) {
    std::string story = StoryOf(state, attempt);
    const PlanNote plan = state.Info(attempt)->plan;
    Told told{attempt, plan.category, TitleWords(plan.idea)};
    for (const Told& other : earlier) {
      if (other.category != plan.category ||
          !MuchAlike(other.words, told.words)) {
        continue;
      }
      story += fmt::format("   much like #{}\n", other.attempt.value());
      break;
    }
    if (!told.words.empty()) earlier.push_back(std::move(told));
    stories.push_back(std::move(story));
  }
  return stories;
}

}  // namespace coppice::search
