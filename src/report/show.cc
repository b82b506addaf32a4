#include "report/show.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/patch.h"
#include "base/text.h"
#include "report/facts.h"
#include "report/words.h"

namespace coppice::report {
namespace {

constexpr std::size_t kTextWidth = 84;

// "  name       value", further lines of a long value below the first.
void AddLine(std::string& text, std::string_view name,
             const std::string& value) {
  if (value.empty()) return;
  const std::string wrapped = Wrap(value, kTextWidth);
  std::string_view label = name;
  for (std::string_view line : SplitLines(wrapped)) {
    text += fmt::format("  {:<12} {}\n", label, line);
    label = "";
  }
}

std::string Title(const search::State& state, AttemptId attempt) {
  std::string title =
      fmt::format("{} {}", NodeName(attempt), OperatorWord(state, attempt));
  std::string_view before = " of ";
  for (AttemptId parent : ParentsOf(state, attempt)) {
    title += fmt::format("{}{}", before, NodeName(parent));
    before = " and ";
  }
  const search::InfoView info = state.Info(attempt);
  if (info != nullptr && !info->selected.arm.empty()) {
    title += " by " + Safe(info->selected.arm, 60);
  }
  const std::string idea = Safe(IdeaOf(state, attempt));
  return title + (idea.empty() ? "" : ": " + idea) + "\n";
}

std::string OutcomeLine(const search::State& state, AttemptId attempt) {
  const std::optional<Outcome> outcome = OutcomeOf(state, attempt);
  if (!outcome) return "under way";
  return fmt::format("{} ({})", Name(*outcome), Name(StatusOf(*outcome)));
}

std::string ValueLine(const search::State& state, AttemptId attempt) {
  const std::optional<double> value = ValueOf(state, attempt);
  if (!value) return "";
  std::string line = fmt::format("{} {}", Safe(state.spec().metric.name, 40),
                                 FormatShort(*value, 6));
  if (attempt.value() == 0) return line;
  if (!ComparableValue(state, attempt)) return line + ", which does not count";
  line += fmt::format(", {} against the baseline", ChangeText(state, value));
  if (auto confidence = ConfidenceOf(state, attempt)) {
    line += "; " + confidence->sentence;
  }
  return line;
}

// The gains on record with the decision.
std::string GainLine(const search::AttemptInfo& info) {
  if (!info.evaluated || !info.evaluated->gain) return "";
  const search::Gain& gain = *info.evaluated->gain;
  return fmt::format(
      "{} over its parent, {} over the best of then, {} over "
      "the baseline (positive = better)",
      FormatPercent(gain.parent), FormatPercent(gain.best),
      FormatPercent(gain.baseline));
}

std::string SamplesLine(const search::State& state, AttemptId attempt) {
  const search::NodeSamples* samples = state.measurements().Samples(attempt);
  if (samples == nullptr) return "";
  std::string line;
  for (const auto& [phase, scores] : samples->ScoresByPhase()) {
    line += fmt::format("{}{}", line.empty() ? "" : "; ", Name(phase));
    for (double score : scores) line += " " + FormatShort(score, 5);
  }
  return line;
}

std::string MetricsLine(const search::State& state, AttemptId attempt) {
  std::string line;
  for (const auto& [name, value] : NumbersOf(state, attempt)) {
    line += fmt::format("{}{} {}", line.empty() ? "" : ", ", Safe(name, 60),
                        FormatShort(value, 6));
  }
  return line;
}

std::string TimesLine(const search::AttemptInfo& info) {
  const eval::PhaseSeconds phases =
      info.evaluated ? info.evaluated->seconds : eval::PhaseSeconds{};
  return fmt::format(
      "propose {}, build {}, checks {}, measure {}",
      FormatDuration(info.propose_seconds), FormatDuration(phases.build),
      FormatDuration(phases.checks), FormatDuration(info.measure_seconds));
}

std::string UsageLine(const search::AttemptInfo& info) {
  if (info.usd == 0 && info.input_tokens + info.output_tokens == 0) return "";
  return fmt::format("{}, {} tokens in, {} out", Dollars(info.usd),
                     info.input_tokens, info.output_tokens);
}

std::string FlagsLine(const search::AttemptInfo& info) {
  std::string line;
  for (const std::string& flag : FlagsOf(info)) {
    line += (line.empty() ? "" : ", ") + Safe(flag, 80);
  }
  return line;
}

void AddPlan(std::string& text, const search::PlanNote& plan) {
  AddLine(text, "category", Safe(plan.category, 40));
  AddLine(text, "bottleneck", Safe(plan.bottleneck, 400));
  AddLine(text, "alternatives", Safe(plan.alternatives, 1200));
  AddLine(text, "expected", Safe(plan.expect, 80));
  AddLine(text, "risk", Safe(plan.risk, 400));
  AddLine(text, "lesson", Safe(plan.lesson, 400));
  std::string needs;
  for (const std::string& need : plan.needs) {
    needs += (needs.empty() ? "" : ", ") + Safe(need, 80);
  }
  AddLine(text, "needs", needs);
}

}  // namespace

std::string ShowText(const search::State& state, AttemptId attempt) {
  std::string text = Title(state, attempt);
  AddLine(text, "outcome", OutcomeLine(state, attempt));
  AddLine(text, "reason", Safe(ReasonOf(state, attempt), 600));
  AddLine(text, "value", ValueLine(state, attempt));
  const search::InfoView info = state.Info(attempt);
  if (info != nullptr) AddLine(text, "gain", GainLine(*info));
  AddLine(text, "samples", SamplesLine(state, attempt));
  AddLine(text, "metrics", MetricsLine(state, attempt));
  if (const search::Node* node = NodeOf(state, attempt)) {
    AddLine(text, "commit", node->commit.Hex());
    AddLine(text, "tree", node->tree.Hex());
  }
  if (info != nullptr) {
    AddLine(text, "patch", Safe(FilesText(*info), 1000));
    AddLine(text, "edits", Safe(info->matched, 200));
    AddLine(text, "flags", FlagsLine(*info));
    AddLine(text, "cost", UsageLine(*info));
    AddLine(text, "time", TimesLine(*info));
    if (info->evaluated) AddLine(text, "log", Safe(info->evaluated->log, 200));
    AddPlan(text, info->plan);
  }
  if (attempt.value() != 0) {
    text += "path from the baseline\n" + LineageText(state, attempt);
  }
  return text;
}

std::string LineageText(const search::State& state, AttemptId attempt) {
  std::string text;
  std::optional<double> before;
  for (AttemptId step : Lineage(state, attempt)) {
    const std::optional<double> value = ComparableValue(state, step);
    std::string gained;
    if (value && before) {
      if (auto gain = Gain(state, *value, *before)) {
        gained = FormatPercent(*gain);
      }
    }
    const std::string line =
        fmt::format("  {} {} {} {}  {}", Left(NodeName(step), 6),
                    Left(OperatorWord(state, step), 8),
                    Right(value ? FormatShort(*value)
                                : std::string(OutcomeWord(state, step)),
                          15),
                    Right(gained, 8), Safe(IdeaOf(state, step), 57));
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
    if (value) before = value;
  }
  return text;
}

OrderedJson ShowJson(const search::State& state, AttemptId attempt,
                     std::string_view output) {
  OrderedJson json = NodeRecord(state, attempt);
  json["lineage"] = OrderedJson::array();
  std::optional<double> before;
  for (AttemptId step : Lineage(state, attempt)) {
    const std::optional<double> value = ComparableValue(state, step);
    OrderedJson entry = {{"node", step.value()},
                         {"op", OperatorWord(state, step)},
                         {"value", nullptr},
                         {"gain", nullptr},
                         {"idea", Safe(IdeaOf(state, step))}};
    if (value) entry["value"] = *value;
    if (value && before) {
      if (auto gain = Gain(state, *value, *before)) entry["gain"] = *gain;
    }
    if (value) before = value;
    json["lineage"].push_back(std::move(entry));
  }
  json["why"] = WhyText(state, attempt, output);
  return json;
}

}  // namespace coppice::report
