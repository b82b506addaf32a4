#include "report/digest.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

#include "base/text.h"
#include "report/analytics.h"
#include "report/facts.h"
#include "report/words.h"

namespace coppice::report {
namespace {

constexpr std::size_t kTop = 5;
constexpr int kRepeated = 2;
constexpr std::size_t kIdeaWidth = 100;

std::string Entry(const search::State& state, AttemptId attempt) {
  const std::optional<double> value = ComparableValue(state, attempt);
  std::string result = std::string(OutcomeWord(state, attempt));
  if (value && attempt.value() != 0) {
    result +=
        fmt::format(", {} ({})", FormatShort(*value), ChangeText(state, value));
  } else if (value) {
    result += ", " + FormatShort(*value);
  }
  return fmt::format("- \\#{} {}: {}\n", attempt.value(), result,
                     Markdown(StoryOf(state, attempt), kIdeaWidth));
}

std::string Tops(const search::State& state) {
  std::string text;
  const std::vector<AttemptId> ranking = Ranking(state);
  for (std::size_t i = 0; i < std::min(kTop, ranking.size()); ++i) {
    text += Entry(state, ranking[i]);
  }
  return text;
}

// The last `search.history` attempts, the latest first.
std::string Latest(const search::State& state) {
  std::string text;
  const std::vector<AttemptId>& finished = state.order_of_completion();
  const std::size_t count = std::min(
      finished.size(),
      static_cast<std::size_t>(std::max(0, state.spec().search.history)));
  for (std::size_t i = 0; i < count; ++i) {
    text += Entry(state, finished[finished.size() - 1 - i]);
  }
  return text;
}

std::string Counts(const Analytics& all) {
  std::string text;
  for (const auto& [outcome, count] : all.outcomes) {
    text += fmt::format("- {} {}\n", count, Name(outcome));
  }
  for (const auto& [category, tally] : all.by_category) {
    if (category.empty()) continue;
    text +=
        fmt::format("- category {}: {}, {} improved\n", Markdown(category, 40),
                    Count(tally.attempts, "attempt"), tally.improved);
  }
  return text;
}

// Failures with one reason that came up more than once, the most frequent
// first.
std::string DoNots(const search::State& state) {
  std::map<std::string, int> reasons;
  for (AttemptId attempt : state.order_of_completion()) {
    const Outcome outcome = *OutcomeOf(state, attempt);
    if (MayBeImproved(outcome) || outcome == Outcome::kCancelled) continue;
    ++reasons[fmt::format("{}: {}", Name(outcome),
                          Safe(ReasonOf(state, attempt), 200))];
  }
  std::vector<std::pair<int, std::string>> repeated;
  for (const auto& [reason, count] : reasons) {
    if (count >= kRepeated) repeated.emplace_back(-count, reason);
  }
  std::ranges::sort(repeated);
  std::string text;
  for (const auto& [count, reason] : repeated) {
    text +=
        fmt::format("- Do not: {} ({} times)\n", Markdown(reason, 220), -count);
  }
  return text;
}

std::string Lessons(const search::State& state) {
  std::string text;
  for (AttemptId step : Lineage(state, BestAttempt(state))) {
    const search::InfoView info = state.Info(step);
    if (info == nullptr || info->plan.lesson.empty()) continue;
    text += fmt::format("- \\#{}: {}\n", step.value(),
                        Markdown(info->plan.lesson, 400));
  }
  return text;
}

void AddSection(std::string& page, std::string_view title,
                const std::string& text) {
  if (!text.empty()) page += fmt::format("\n## {}\n\n{}", title, text);
}

}  // namespace

std::string DigestMarkdown(const search::State& state) {
  std::string page =
      fmt::format("# Digest: {}\n\n{}, noise {}.\n", state.spec().name,
                  Markdown(ResultText(state), 200), NoiseText(state));
  AddSection(page, "The best", Tops(state));
  AddSection(page, "The last attempts", Latest(state));
  AddSection(page, "Counts", Counts(Analyse(state)));
  AddSection(page, "What keeps failing", DoNots(state));
  AddSection(page, "Lessons on the way to the best", Lessons(state));
  return page;
}

}  // namespace coppice::report
