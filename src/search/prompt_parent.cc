#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "search/budget.h"
#include "search/decide.h"
#include "search/prompt_sections.h"
#include "search/prompt_story.h"
#include "search/prompt_words.h"

// Where the search stands, and the version that is to be changed.

namespace coppice::search {
namespace {

constexpr std::size_t kLogLines = 50;
constexpr std::size_t kPlanWidth = 300;
constexpr std::size_t kNumbersShown = 12;

std::string BudgetText(const State& state) {
  const spec::Budget& budget = state.spec().budget;
  const Consumption used = state.Used(state.last_at());
  std::string text;
  if (budget.max_nodes) {
    text += fmt::format("- Attempts left: {} of {}\n",
                        std::max(0, *budget.max_nodes - used.finished),
                        *budget.max_nodes);
  }
  if (budget.max_hours) {
    const double left = std::max(0.0, *budget.max_hours - used.hours);
    text += fmt::format("- Time left: {} of {}\n", FormatDuration(left * 3600),
                        FormatDuration(*budget.max_hours * 3600));
  }
  if (budget.max_cost_usd) {
    text += fmt::format("- Money left: ${:.2f} of ${:.2f}\n",
                        std::max(0.0, *budget.max_cost_usd - used.usd),
                        *budget.max_cost_usd);
  }
  if (budget.max_tokens) {
    text +=
        fmt::format("- Tokens left: {} of {}\n",
                    std::max<std::int64_t>(0, *budget.max_tokens - used.tokens),
                    *budget.max_tokens);
  }
  return text;
}

// One number of a node and of the baseline: "peak_mb 81 (baseline 90)".
std::string NumberText(const State& state, AttemptId node,
                       const std::string& name, std::string_view rule = {}) {
  const Measurements& measured = state.measurements();
  const std::optional<double> value = measured.Number(node, name);
  if (!value) return "";
  const std::optional<double> base = measured.Number(AttemptId(0), name);
  std::string notes(rule);
  if (base && node.value() != 0) {
    notes += fmt::format("{}baseline {}", notes.empty() ? "" : "; ",
                         FormatShort(*base));
  }
  return fmt::format("- {} {}{}\n", OneLine(name, 60), FormatShort(*value),
                     notes.empty() ? "" : fmt::format(" ({})", notes));
}

// Names of all numbers that the node's deciding samples printed.
std::set<std::string> NamesSeen(const State& state, AttemptId node) {
  std::set<std::string> names;
  const NodeSamples* samples = state.measurements().Samples(node);
  if (samples == nullptr) return names;
  // Of each phase the last.
  const std::vector<Reading>& all = samples->readings;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const bool last = i + 1 == all.size() || all[i + 1].phase != all[i].phase;
    if (!last || all[i].phase == SamplePhase::kHoldout) continue;
    for (const auto& [name, value] : all[i].metrics) names.insert(name);
  }
  return names;
}

std::string NumbersText(const State& state, AttemptId node) {
  const spec::Metric& metric = state.spec().metric;
  std::set<std::string> told{metric.name};
  std::string text;
  for (const spec::Gate& gate : metric.gates) {
    if (!told.insert(gate.name).second) continue;
    text += NumberText(state, node, gate.name, "must be " + gate.check);
  }
  for (const spec::Guard& guard : metric.guards) {
    if (!told.insert(guard.name).second) continue;
    text += NumberText(state, node, guard.name, "guarded");
  }
  for (const std::string& name : metric.diagnostics) {
    if (told.insert(name).second) text += NumberText(state, node, name);
  }
  std::size_t others = 0;
  for (const std::string& name : NamesSeen(state, node)) {
    if (told.contains(name) || ++others > kNumbersShown) continue;
    text += NumberText(state, node, name);
  }
  return text.empty() ? text : "Numbers:\n" + text;
}

std::string FilesChanged(const AttemptInfo& info) {
  std::vector<std::string> files;
  for (const FileNote& file : info.files) {
    files.push_back(
        fmt::format("{} +{} -{}", file.path.str(), file.added, file.removed));
  }
  return files.empty() ? "" : fmt::format("Changed: {}\n", Listed(files, 400));
}

// What it was for, to be held against what came of it.
std::string PlanText(const PlanNote& plan) {
  std::string text;
  auto add = [&](std::string_view name, std::string_view said) {
    if (said.empty()) return;
    text += fmt::format("{}: {}\n", name, OneLine(said, kPlanWidth));
  };
  add("Bottleneck it saw", plan.bottleneck);
  add("Expected", plan.expect);
  add("Risk it saw", plan.risk);
  return text;
}

}  // namespace

std::string StandingText(const State& state, AttemptId attempt) {
  const spec::Spec& spec = state.spec();
  const SolutionTree& tree = state.tree();
  const Choice selected = state.Info(attempt)->selected;
  const int chain = selected.chain;
  // A draft that is to know nothing of the others is not told how they fared:
  // such drafts are asked alike, whatever has finished meanwhile.
  const bool alone = selected.history_withheld;
  const NodeId best =
      alone ? tree.root()
            : state.chains()[static_cast<std::size_t>(chain)].best;
  const AttemptId best_attempt = tree[best].attempt;
  std::string text = fmt::format("# Standing\n- Baseline: {} {}\n",
                                 OneLine(spec.metric.name, 100),
                                 ValueText(state, AttemptId(0)));
  text += alone ? ""
          : best == tree.root()
              ? "- Best: still the baseline\n"
              : fmt::format("- Best: #{} with {}\n", best_attempt.value(),
                            ValueText(state, best_attempt));
  const double value = tree[best].value.value_or(0);
  const double noise = state.measurements().Noise(value);
  const NoiseModel model = state.noise();
  const double threshold = Threshold(spec.metric, model, value, model.repeats);
  text += noise > 0 ? fmt::format("- Noise of one measurement: {}\n",
                                  ShareOf(noise, value))
                    : "- Noise: none seen\n";
  text += fmt::format("- A gain counts from {}\n", ShareOf(threshold, value));
  if (!alone) text += BudgetText(state);
  return HeadAndTail(text, kStandingCap);
}

std::string ParentText(const State& state, const PromptInput& input) {
  const Choice selected = state.Info(input.attempt)->selected;
  const AttemptId parent = selected.parents.front();
  const InfoView info = state.Info(parent);
  const SolutionTree& tree = state.tree();
  const NodeId node = *tree.Find(parent);
  std::string text =
      parent.value() == 0
          ? "#0, the version everything grows from\n"
          : fmt::format("#{} {} {}\n", parent.value(), Name(info->selected.op),
                        IdeaText(state, parent));
  text += fmt::format("Result: {}\n", ResultText(state, parent));
  const std::optional<NodeId> before = tree.FirstParent(node);
  if (before && tree[node].value && tree[*before].value) {
    text += fmt::format(
        "Gain on its own parent #{}: {}\n", tree[*before].attempt.value(),
        GainText(state, *tree[node].value, *tree[*before].value));
  }
  text += PlanText(info->plan);
  text += FilesChanged(*info);
  text += NumbersText(state, parent);
  if (!info->diagnosis.empty()) {
    text += "What a profiler said of it:\n" + Sanitize(info->diagnosis) + "\n";
  }
  if (!input.parent_output.empty() && !TellsOfHoldout(*info)) {
    const std::string output = Sanitize(input.parent_output);
    text += selected.op == Operator::kDebug
                ? "Its output:\n" + output
                : fmt::format("Its output, at most the last {} lines:\n{}",
                              kLogLines, LastLines(output, kLogLines));
  }
  return DataSection("Parent: the version you change", text, kParentCap);
}

}  // namespace coppice::search
