#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "search/prompt_sections.h"
#include "search/prompt_words.h"

// What is the same in every prompt of a run: the rules, and what the user
// wants. Words of the spec are the user's own and stand here unfenced.

namespace coppice::search {
namespace {

constexpr std::size_t kMeasuringRoom = 1300;
constexpr std::size_t kPathsRoom = 500;  // of a list of paths

std::string_view Better(spec::Direction direction) {
  return direction == spec::Direction::kMinimize ? "lower is better"
                                                 : "higher is better";
}

std::string MeasuringText(const spec::Spec& spec) {
  const spec::Evaluation& evaluation = spec.evaluation;
  const spec::Metric& metric = spec.metric;
  std::vector<std::string> lines;
  auto add = [&](std::string_view what, std::string_view value) {
    lines.push_back(fmt::format("- {}: {}\n", what, OneLine(value, 200)));
  };
  for (const spec::Weight& weight : metric.weights) {
    add("It is made of",
        fmt::format("{}, {}, weight {}", weight.name, Better(weight.direction),
                    FormatShort(weight.weight)));
  }
  if (metric.target) add("Target", FormatShort(*metric.target, 6));
  if (evaluation.build) add("Built by", *evaluation.build);
  add("Measured by", evaluation.command);
  for (const spec::Check& check : spec.checks) add("Must pass", check.command);
  for (const spec::Gate& gate : metric.gates) {
    const std::string why =
        gate.description.empty() ? "" : fmt::format(" ({})", gate.description);
    add("Must hold", fmt::format("{} {}{}", gate.name, gate.check, why));
  }
  for (const spec::Guard& guard : metric.guards) {
    const std::string most =
        guard.relative ? fmt::format("{:g}%", guard.max_regression * 100)
                       : FormatShort(guard.max_regression);
    add("Must not get worse by more than " + most,
        fmt::format("{}, {}", guard.name, Better(guard.direction)));
  }
  std::string text;
  for (const std::string& line : lines) text += line;
  return std::string(Trim(HeadAndTail(text, kMeasuringRoom)));
}

std::string ScopeText(const spec::Spec& spec,
                      const spec::ResolvedScope& scope) {
  const spec::Scope& limits = spec.scope;
  std::string text = fmt::format("- Yours to change: {}.\n",
                                 Listed(limits.mutable_paths, kPathsRoom));
  if (!limits.readable.empty()) {
    text += fmt::format("- Shown to be read only: {}.\n",
                        Listed(limits.readable, kPathsRoom));
  }
  text += fmt::format(
      "- At most {} files and {} changed lines, counted by the search.\n",
      limits.max_files, limits.max_lines);
  if (!limits.allow_create) {
    return text + "- No file may be created, removed or renamed.";
  }
  text += "- Files may be created and removed there";
  if (!scope.extensions.empty()) {
    text += fmt::format(", of these types: {}",
                        Listed(scope.extensions, kPathsRoom / 2));
  }
  return text + ".";
}

std::string_view CreatingText(const spec::Scope& scope,
                              llm::EditFormat format) {
  if (!scope.allow_create) return "Files cannot be created or removed.";
  switch (format) {
    case llm::EditFormat::kSearchReplace:
      return "An empty SEARCH creates the file; its path with an empty fence "
             "removes it.";
    case llm::EditFormat::kWhole:
      return "A new path creates a file; an empty fence removes one.";
    case llm::EditFormat::kUdiff:
      return "`--- /dev/null` creates a file, `+++ /dev/null` removes one.";
  }
  return "";
}

std::string FormatText(const State& state, const PromptInput& input) {
  if (input.style == llm::PromptStyle::kInPlace) {
    return input.templates.Fill("in_place");
  }
  const std::string& suffix = input.marker_suffix;
  std::string markers;
  if (!suffix.empty()) {
    markers = fmt::format(
        "- A file shown has marker lines of its own, so the three markers end "
        "in {} here.",
        suffix);
  }
  return input.templates.Fill(
      Name(input.format),
      {{"suffix", suffix.empty() ? "" : " " + suffix},
       {"markers", std::move(markers)},
       {"creating",
        std::string(CreatingText(state.spec().scope, input.format))}});
}

}  // namespace

std::string RulesText(const State& state, const PromptInput& input) {
  const spec::Spec& spec = state.spec();
  const std::string text = input.templates.Fill(
      "rules", {{"metric", OneLine(spec.metric.name, 100)},
                {"direction", std::string(Better(spec.metric.direction))},
                {"measuring", MeasuringText(spec)},
                {"scope", ScopeText(spec, input.scope)},
                {"format", FormatText(state, input)}});
  return HeadAndTail(text + "\n", kRulesCap);
}

std::string GoalText(const State& state) {
  const spec::Spec& spec = state.spec();
  std::string text = fmt::format("# Goal\n{}\n", Trim(Sanitize(spec.goal)));
  if (!spec.instructions.empty() || !state.told().empty()) {
    text += "\nKeep to this:\n";
  }
  for (const auto* lines : {&spec.instructions, &state.told()}) {
    for (const std::string& line : *lines) {
      text += fmt::format("- {}\n", Trim(Sanitize(line)));
    }
  }
  std::vector<std::string> approved = spec.dependencies.approved;
  for (const std::string& name : state.approved()) {
    if (std::ranges::count(approved, name) == 0) approved.push_back(name);
  }
  text += approved.empty()
              ? "\nNo new dependency is approved: a change that needs one "
                "waits for the user.\n"
              : fmt::format(
                    "\nNew dependencies that are approved: {}. A change "
                    "that needs another one waits for the user.\n",
                    Listed(approved, kPathsRoom));
  return HeadAndTail(text, kGoalCap);
}

}  // namespace coppice::search
