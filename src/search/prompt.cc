#include "search/prompt.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/rng.h"
#include "base/text.h"

// A prompt is rules, goal, files, standing, parent, path, siblings, digest,
// idea and task, in this order: what is the same for all attempts comes first,
// then what attempts on one parent share, so that servers can keep the longest
// beginning. What each operator is shown is one table below.

namespace coppice::search {
namespace {

using llm::PromptSection;
using llm::PromptStyle;

struct Sections {
  bool parent = false, path = false, siblings = false, digest = false,
       stance = false;
};

// SPEC §10, column by column.
Sections ShownTo(Operator op) {
  switch (op) {
    case Operator::kImprove:
      return {true, true, true, true, true};
    case Operator::kDebug:
      return {.parent = true, .path = true};
    case Operator::kTune:
      return {.parent = true, .digest = true};
    default:
      return {.siblings = true, .digest = true, .stance = true};
  }
}

// What is cut first where a model's context is too small.
enum Keep { kDigest, kSiblings, kPath, kParent, kStanding, kIdea, kFiles = 50 };

std::string Measuring(const spec::Spec& spec) {
  std::string text;
  if (spec.evaluation.build)
    text += "- It is built first; a build that fails ends it.\n";
  for (const spec::Check& check : spec.checks) {
    text += fmt::format("- This must pass: {}\n", OneLine(check.command, 200));
  }
  for (const spec::Gate& gate : spec.metric.gates) {
    text +=
        fmt::format("- {} must be {} {}\n", OneLine(gate.name, 60),
                    OneLine(gate.check, 40), OneLine(gate.description, 120));
  }
  for (const spec::Guard& guard : spec.metric.guards) {
    text += fmt::format("- {} may get worse by {} at most\n",
                        OneLine(guard.name, 60),
                        guard.relative ? FormatPercent(guard.max_regression)
                                       : FormatShort(guard.max_regression));
  }
  if (!text.empty()) text.pop_back();
  return text;
}

std::string Scope(const spec::Spec& spec, const spec::ResolvedScope& scope) {
  const spec::Scope& limits = spec.scope;
  std::string text =
      fmt::format("- These files: {}\n", fmt::join(limits.mutable_paths, ", "));
  if (!scope.readable_files.empty()) {
    text += fmt::format("- To read, never to change: {}\n",
                        fmt::join(limits.readable, ", "));
  }
  text += fmt::format("- At most {} files and {} changed lines.\n",
                      limits.max_files, limits.max_lines);
  text += limits.allow_create ? "- Files may be added and removed there."
                              : "- No file may be added, removed or renamed.";
  return text;
}

std::string Rules(const State& state, const PromptInput& input) {
  const spec::Spec& spec = state.spec();
  const Templates& t = input.templates;
  const std::string header = t.Fill("header");
  std::string format;
  if (input.style == PromptStyle::kInPlace) {
    format = t.Fill("in_place", {{"header", header}});
  } else {
    const std::string suffix =
        input.marker_suffix.empty() ? "" : " " + input.marker_suffix;
    const std::string creating =
        spec.scope.allow_create
            ? "An empty search text creates the file; an empty whole file "
              "removes it."
            : "Files cannot be created or removed.";
    format = t.Fill(Name(input.format),
                    {{"suffix", suffix}, {"creating", creating}}) +
             "\n\nThe header, one field each; only IDEA must be there:\n\n" +
             header;
  }
  const bool minimize = spec.metric.direction == spec::Direction::kMinimize;
  return HeadAndTail(
      t.Fill("rules",
             {{"metric", spec.metric.name},
              {"direction", minimize ? "less is better" : "more is better"},
              {"measuring", Measuring(spec)},
              {"scope", Scope(spec, input.scope)},
              {"format", format}}),
      kRulesCap);
}

std::string Goal(const State& state) {
  const spec::Spec& spec = state.spec();
  std::string text = fmt::format("# Goal\n{}\n", Sanitize(spec.goal));
  for (const std::string& line : spec.instructions) {
    text += fmt::format("- {}\n", Sanitize(line));
  }
  for (const std::string& line : state.told()) {
    text += fmt::format("- {}\n", Sanitize(line));
  }
  std::vector<std::string> approved = spec.dependencies.approved;
  approved.insert(approved.end(), state.approved().begin(),
                  state.approved().end());
  text += approved.empty()
              ? std::string(
                    "No new dependency is approved; one named under "
                    "NEEDS waits for the user.\n")
              : fmt::format("Approved dependencies: {}\n",
                            fmt::join(approved, ", "));
  return HeadAndTail(text, kGoalCap);
}

// Byte for byte where the text is plain: blocks are matched against it.
std::string Shown(const std::string& text) {
  std::string shown;
  shown.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
    if (c < 0x20 && c != '\n' && c != '\t') continue;
    shown += text[i];
  }
  return shown;
}

std::string Files(const PromptInput& input) {
  if (input.style == PromptStyle::kInPlace) {
    std::string text = "# Files\nThey are in your current directory:\n";
    for (const auto& file : input.files) {
      text += fmt::format("- {}{}\n", file->path,
                          file->mutable_file ? "" : " (only to read)");
    }
    return text;
  }
  std::string text = "# Files, as they are in the version that you change\n";
  for (const auto& file : input.files) {
    std::size_t run = 0, longest = 2;
    for (char c : file->text) {
      run = c == '`' ? run + 1 : 0;
      longest = std::max(longest, run);
    }
    const std::string fence(longest + 1, '`');
    const std::string shown = Shown(file->text);
    const auto lines = std::ranges::count(shown, '\n');
    text += fmt::format(
        "\n{} ({} line{}; {}, data)\n{}\n{}{}{}\n", file->path, lines,
        lines == 1 ? "" : "s",
        file->mutable_file ? "may change" : "only to read", fence, shown,
        shown.empty() || shown.back() == '\n' ? "" : "\n", fence);
  }
  return HeadAndTail(text,
                     static_cast<std::size_t>(input.max_prompt_kb) * 1024);
}

std::string Stance(const State& state, const AttemptInfo& info,
                   const Templates& templates) {
  if (!info.selected.idea.empty()) {
    return DataFence(
        "# Idea\nCarry out this idea of the user's; if it cannot work, the "
        "nearest one that can",
        OneLine(info.selected.idea, 400));
  }
  constexpr int kEach = 5;
  constexpr std::string_view kStances[] = {"stance_refine", "stance_combine",
                                           "stance_opposite", "stance_radical"};
  const ChainState& chain =
      state.chains()[static_cast<std::size_t>(info.selected.chain)];
  const int step = std::min(chain.since_best / kEach, 3);
  return templates.Fill(kStances[step]);
}

std::string_view TaskName(Operator op) {
  return op == Operator::kMerge ? Name(Operator::kImprove) : Name(op);
}

}  // namespace

std::vector<AttemptId> WantedPatches(const State& state, AttemptId attempt) {
  const Selected& selected = state.Info(attempt)->selected;
  std::vector<AttemptId> wanted;
  if (selected.history_withheld || !ShownTo(selected.op).siblings) {
    return wanted;
  }
  const std::vector<AttemptId>& from =
      state.AttemptsFrom(selected.parents.front());
  for (auto it = from.rbegin(); it != from.rend() && wanted.size() < 2; ++it) {
    if (*it != attempt && state.tree().Find(*it)) wanted.push_back(*it);
  }
  return wanted;
}

llm::Prompt BuildPrompt(const State& state, const PromptInput& input) {
  const AttemptInfo& info = *state.Info(input.attempt);
  const Selected& selected = info.selected;
  const AttemptId parent = selected.parents.front();
  const bool history = !selected.history_withheld;
  const Sections shown = ShownTo(selected.op);
  llm::Prompt prompt;
  auto add = [&](const char* name, std::string text, int keep) {
    if (text.empty()) return;
    if (text.back() != '\n') text += '\n';
    prompt.push_back({.name = name, .text = std::move(text), .keep = keep});
  };
  add("rules", Rules(state, input), PromptSection::kKeepAlways);
  prompt.back().system = true;
  add("goal", Goal(state), PromptSection::kKeepAlways);
  add("files", Files(input), kFiles);
  add("standing", "# Standing\n" + StandingText(state), kStanding);
  if (shown.parent) {
    add("parent", "# Parent\n" + ParentText(state, parent, selected.op),
        kParent);
  }
  if (shown.path && history) {
    add("path", PathText(state, parent, selected.op), kPath);
  }
  if (shown.siblings && history) {
    add("siblings", SiblingsText(state, input.attempt, input.patches),
        kSiblings);
  }
  if (shown.digest && history) {
    add("digest", DigestText(state, input.attempt), kDigest);
  }
  if (shown.stance) {
    add("idea", HeadAndTail(Stance(state, info, input.templates), kIdeaCap),
        kIdea);
  }
  std::string task = input.templates.Fill(TaskName(selected.op));
  task += input.style == PromptStyle::kAnswer
              ? "\n\nAnswer with the header (IDEA: first), then the edits."
              : "\n\nPrint the header, then edit the files.";
  add("task", HeadAndTail("# Task\n" + task, kTaskCap),
      PromptSection::kKeepAlways);
  return prompt;
}

std::string MarkerSuffix(const PromptFiles& files, std::uint64_t seed,
                         AttemptId attempt) {
  constexpr std::string_view kMarkers[] = {"<<<<<<< SEARCH",
                                           "=======", ">>>>>>> REPLACE"};
  auto has_marker = [&](const auto& file) {
    return std::ranges::any_of(kMarkers, [&](std::string_view marker) {
      const std::string_view text = file->text;
      for (std::size_t at = text.find(marker); at != std::string_view::npos;
           at = text.find(marker, at + 1)) {
        if (at == 0 || text[at - 1] == '\n') return true;
      }
      return false;
    });
  };
  if (std::ranges::none_of(files, has_marker)) return "";
  Rng rng = Rng::Stream(seed, attempt.value(), "marker");
  while (true) {
    std::string suffix;
    for (int i = 0; i < 4; ++i) {
      suffix += static_cast<char>('A' + rng.Below(26));
    }
    const bool taken = std::ranges::any_of(files, [&](const auto& file) {
      return file->text.find(suffix) != std::string::npos;
    });
    if (!taken) return suffix;
  }
}

}  // namespace coppice::search
