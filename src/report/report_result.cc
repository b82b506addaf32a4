#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "report/advice.h"
#include "report/baseline.h"
#include "report/facts.h"
#include "report/progress.h"
#include "report/report_sections.h"
#include "report/words.h"
#include "search/judging.h"

// What came of the search, and why: the sections a reader starts with.

namespace coppice::report {
namespace {

constexpr std::size_t kApproaches = 15;
constexpr std::size_t kNearMisses = 5;
constexpr std::size_t kCell = 160;

std::string PlanLine(std::string_view name, std::string_view text) {
  return text.empty() ? ""
                      : fmt::format("  - {}: {}\n", name, Markdown(text, 1200));
}

// What the racers scored by the second draw (MEASURE §12), beside the first.
std::string SecondDrawText(const search::State& state) {
  auto score = [&](AttemptId node) -> std::optional<double> {
    for (const search::Sampled& sampled : state.samples_of(node)) {
      const auto& metrics = sampled.sample.metrics;
      const auto found = metrics.find(search::kSecondDraw);
      if (found != metrics.end()) return found->second;
    }
    return std::nullopt;
  };
  const std::optional<double> baseline = score(AttemptId(0));
  if (!baseline) return "";
  std::string text = fmt::format("baseline {}", FormatShort(*baseline));
  for (const search::Finalist& finalist : state.final()->finalists) {
    const std::optional<double> own = score(finalist.node);
    if (!own || finalist.node.value() == 0) continue;
    text +=
        fmt::format(", node {} {}", finalist.node.value(), FormatShort(*own));
  }
  return text;
}

std::string OverruledLine(const search::State& state) {
  const std::string text = OverruledText(state);
  return text.empty() ? "" : fmt::format("- But {}.\n", Markdown(text, 400));
}

// "- Text (command)."
std::string HintLines(const search::State& state) {
  std::string text;
  for (const Hint& hint : NextSteps(state)) {
    text += "- " + Markdown(hint.text, 300);
    if (!hint.command.empty()) {
      text += fmt::format(" ({})", Markdown(hint.command, 300));
    }
    text += ".\n";
  }
  return text;
}

}  // namespace

std::string ResultSection(const search::State& state) {
  const AttemptId best = BestAttempt(state);
  std::string text = fmt::format(
      "**{}**, node {}.\n\n", Markdown(ResultText(state), 200), best.value());
  if (auto confidence = ConfidenceOf(state, best)) {
    text += fmt::format("- Confidence: {} (noise {}).\n", confidence->sentence,
                        NoiseText(state));
  }
  text += fmt::format("- Baseline: {}.\n", Markdown(BaselineText(state), 400));
  if (state.final()) {
    text += fmt::format("- Measured again at the end: {}.\n",
                        Markdown(FinalText(state, *state.final()), 400));
    text += OverruledLine(state);
    const std::string second = SecondDrawText(state);
    if (!second.empty()) {
      text += fmt::format(
          "- By other items than the search was judged by: {}.\n", second);
    }
  } else {
    text +=
        "- The final re-measurement has not been made; the search may go "
        "on.\n";
  }
  const std::string impact = ImpactText(state);
  for (std::string_view line : SplitLines(impact)) {
    text += fmt::format("- {}.\n", Markdown(line, 300));
  }
  return text;
}

std::string NoImprovementSection(const search::State& state) {
  const std::vector<AttemptId> near = NearMisses(state);
  std::string text = fmt::format(
      "{} No node was confirmed to be better than the baseline.\n\n",
      state.final() ? "The search ended." : "The search has not ended.");
  text += fmt::format("- Baseline: {}.\n", Markdown(BaselineText(state), 400));
  text += fmt::format(
      "- Noise floor: {}; a gain below {} (in the metric's unit) cannot be "
      "told from noise with {} repeats.\n",
      NoiseText(state), FormatShort(state.Tau(state.noise().repeats)),
      state.noise().repeats);
  if (state.final()) {
    text += fmt::format("- Measured again at the end: {}.\n",
                        Markdown(FinalText(state, *state.final()), 400));
  }
  text += OverruledLine(state);
  text +=
      fmt::format("- Better than the baseline, but not confirmed: {}.\n",
                  near.empty() ? "no node" : Count(std::ssize(near), "node"));
  for (std::size_t i = 0; i < std::min(kNearMisses, near.size()); ++i) {
    text += fmt::format("  - node {}, {} ({}): {}\n", near[i].value(),
                        FormatShort(*ValueOf(state, near[i])),
                        ChangeText(state, ValueOf(state, near[i])),
                        Markdown(IdeaOf(state, near[i]), kCell));
  }
  std::string counts;
  for (const auto& [outcome, count] : state.Outcomes()) {
    counts += fmt::format("{}{} {}", counts.empty() ? "" : ", ", count,
                          Name(outcome));
  }
  text += fmt::format("- Outcomes: {}.\n", counts.empty() ? "none" : counts);
  return text;
}

std::string LimitsSection(const search::State& state, WallTime now) {
  std::string text;
  for (const std::string& line : Limits(state, now)) {
    text += fmt::format("- {}.\n", Markdown(line, 400));
  }
  return text;
}

std::string NextSection(const search::State& state) { return HintLines(state); }

std::string ApproachesSection(const search::State& state) {
  std::vector<AttemptId> shown = Ranking(state);
  std::erase(shown, AttemptId(0));
  const std::size_t measured = shown.size();
  shown.resize(std::min(shown.size(), kApproaches));
  std::size_t failures = 0;
  std::size_t failed = 0;
  for (AttemptId attempt : state.order_of_completion()) {
    if (MayBeImproved(*OutcomeOf(state, attempt))) continue;
    ++failed;
    if (failures < kApproaches) {
      shown.push_back(attempt);
      ++failures;
    }
  }
  if (shown.empty()) return "";
  std::string text =
      "| Node | Approach | Outcome | Result | Why |\n|---:|---|---|---:|---|\n";
  for (AttemptId attempt : shown) {
    const std::optional<double> value = ComparableValue(state, attempt);
    const std::string idea = Markdown(IdeaOf(state, attempt), kCell);
    text += fmt::format("| {} | {} | {} | {} | {} |\n", attempt.value(),
                        idea.empty() ? "-" : idea, OutcomeWord(state, attempt),
                        value ? fmt::format("{} ({})", FormatShort(*value),
                                            ChangeText(state, value))
                              : "-",
                        Markdown(ReasonOf(state, attempt), kCell));
  }
  const std::size_t left = measured + failed - shown.size();
  if (left > 0) {
    text += fmt::format("\n{} more in `results.tsv`.\n",
                        Count(static_cast<std::int64_t>(left), "attempt"));
  }
  return text;
}

std::string WhySection(const search::State& state) {
  std::string text;
  std::optional<double> before = ValueOf(state, AttemptId(0));
  for (AttemptId step : Lineage(state, BestAttempt(state))) {
    if (step.value() == 0) continue;
    const std::optional<double> value = ValueOf(state, step);
    std::string gained;
    if (value && before) {
      if (auto gain = Gain(state, *value, *before)) {
        gained =
            fmt::format(" ({} over the step before)", FormatPercent(*gain));
      }
    }
    if (value) before = value;
    text += fmt::format("- Node {}, {}{}: {}\n", step.value(),
                        OperatorWord(state, step), gained,
                        Markdown(IdeaOf(state, step)));
    const search::InfoView info = state.Info(step);
    if (info == nullptr) continue;
    text += PlanLine("bottleneck", info->plan.bottleneck);
    text += PlanLine("alternatives", info->plan.alternatives);
    text += PlanLine("expected", info->plan.expect);
    text += PlanLine("lesson", info->plan.lesson);
    text += PlanLine("decided", Safe(ReasonOf(state, step), kCell));
  }
  return text;
}

}  // namespace coppice::report
