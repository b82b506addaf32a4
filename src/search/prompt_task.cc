#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/text.h"
#include "search/prompt_sections.h"
#include "search/prompt_words.h"

// What this one attempt is to do: the user's idea or a stance that turns the
// further from the beaten track the longer nothing better was found, and the
// operator's task.

namespace coppice::search {
namespace {

constexpr int kAttemptsPerStance = 5;
constexpr std::array<std::string_view, 4> kStances = {
    "stance_refine", "stance_combine", "stance_opposite", "stance_radical"};
// Where to look for something else, one after the other.
constexpr std::array<std::string_view, 8> kDirections = {
    "algorithm", "data-structure", "memory",     "caching",
    "compiler",  "parallelism",    "parameters", "io"};

std::string_view Stance(const State& state, const Choice& selected) {
  const ChainState& chain =
      state.chains()[static_cast<std::size_t>(selected.chain)];
  const auto step =
      static_cast<std::size_t>(chain.since_best / kAttemptsPerStance);
  // A draft has nothing to refine, and without history there is nothing to
  // hold another approach against.
  const bool opens = selected.op == Operator::kDraft && step == 0;
  if (opens || selected.history_withheld) return "stance_open";
  return kStances[std::min(step, kStances.size() - 1)];
}

// Attempts of the chain that are under way: what they are about, as far as it
// is known, and a direction that the one beside them would not take.
std::string Others(const State& state, const PromptInput& input) {
  const int chain = state.Info(input.attempt)->selected.chain;
  std::set<std::string> categories;
  std::size_t unknown = 0;
  for (AttemptId open : state.Open()) {
    const InfoView info = state.Info(open);
    if (open == input.attempt || info->selected.chain != chain) continue;
    if (!info->plan.category.empty()) {
      categories.insert(OneLine(info->plan.category, 20));
    } else if (open < input.attempt) {
      ++unknown;
    }
  }
  if (categories.empty() && unknown == 0) return "";
  std::string hint;
  if (unknown > 0) {
    std::vector<std::string_view> free;
    for (std::string_view direction : kDirections) {
      if (!categories.contains(std::string(direction))) {
        free.push_back(direction);
      }
    }
    if (!free.empty()) {
      hint = fmt::format(
          "To stay apart from those whose idea is not known yet, look first "
          "for a change of category {}.",
          free[unknown % free.size()]);
    }
  }
  std::string about;
  for (const std::string& category : categories) {
    about += (about.empty() ? " (" : ", ") + category;
  }
  if (!about.empty()) about += ")";
  return input.templates.Fill(
      "others", {{"categories", std::move(about)}, {"hint", std::move(hint)}});
}

std::string SourceOf(const State& state, std::string_view idea) {
  auto known = std::ranges::find(state.ideas(), idea, &Idea::text);
  return known == state.ideas().end() || known->source.empty()
             ? "the user's"
             : "from " + OneLine(known->source, 80);
}

}  // namespace

std::string IdeaSection(const State& state, const PromptInput& input) {
  const Choice selected = state.Info(input.attempt)->selected;
  if (!selected.idea.empty()) {
    const std::string intro = input.templates.Fill(
        "idea", {{"source", SourceOf(state, selected.idea)}});
    const std::string title = "Idea\n" + HeadAndTail(intro, kIdeaCap / 2);
    return DataSection(title, Sanitize(selected.idea), kIdeaCap,
                       "data: an idea to try");
  }
  std::string text = "# Direction\n";
  text += input.templates.Fill(Stance(state, selected)) + "\n";
  if (!selected.history_withheld) {
    const std::string others = Others(state, input);
    if (!others.empty()) text += "\n" + others + "\n";
  }
  return HeadAndTail(text, kIdeaCap);
}

std::string TaskText(const State& state, const PromptInput& input) {
  const Operator op = state.Info(input.attempt)->selected.op;
  const std::string metric = OneLine(state.spec().metric.name, 100);
  const std::string task = input.templates.Fill(
      fmt::format("task_{}", Name(op)), {{"metric", metric}});
  const std::string header =
      input.templates.Fill("header", {{"metric", metric}});
  return HeadAndTail(fmt::format("# Task\n{}\n\n{}\n", task, header), kTaskCap);
}

}  // namespace coppice::search
