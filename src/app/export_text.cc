#include "app/export_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/json.h"
#include "base/text.h"
#include "report/facts.h"
#include "report/words.h"

namespace coppice::app {
namespace {

using report::Markdown;

constexpr std::size_t kSubject = 72;
constexpr std::size_t kMostRows = 30;

std::string IdeaOf(const search::State& state, AttemptId attempt,
                   std::size_t width) {
  return OneLine(Sanitize(report::IdeaOf(state, attempt)), width);
}

std::string Title(const search::State& state,
                  const std::vector<AttemptId>& attempts) {
  std::string title = attempts.size() == 1
                          ? IdeaOf(state, attempts.front(), kSubject)
                          : OneLine(Sanitize(state.spec().goal), kSubject);
  return title.empty() ? "Optimise " + state.spec().metric.name : title;
}

// Every step that has a part in it.
std::vector<AttemptId> Attempts(const ExportStory& story) {
  std::vector<AttemptId> all;
  for (const ExportPart& part : story.parts) {
    all.insert(all.end(), part.attempts.begin(), part.attempts.end());
  }
  std::ranges::sort(all);
  const auto twice = std::ranges::unique(all);
  all.erase(twice.begin(), twice.end());
  return all;
}

std::string Change(const FreshSamples& evidence) {
  if (evidence.before_value == 0) return "";
  return " (" +
         FormatPercent((evidence.after_value - evidence.before_value) /
                       std::abs(evidence.before_value)) +
         ")";
}

std::string Spread(const std::vector<double>& values) {
  const auto [low, high] = std::ranges::minmax(values);
  return low == high ? FormatShort(low)
                     : FormatShort(low) + " to " + FormatShort(high);
}

// The word for the gain that the fresh samples show (RES-07).
std::string Confidence(const ExportStory& story) {
  const Evidence& evidence = *story.evidence;
  const double noise = story.state.measurements().Noise(evidence.after_value);
  const double gain = spec::Sign(story.state.spec().metric.direction) *
                      (evidence.after_value - evidence.before_value);
  if (noise == 0) {
    return gain > 0 ? "high confidence: no noise was ever seen, and it is "
                      "better"
                    : "it is not better than what it starts from";
  }
  return fmt::format("{} confidence: the gain is {} times the noise",
                     report::ConfidenceWord(gain, noise),
                     FormatShort(gain / noise, 2));
}

std::string Measured(const ExportStory& story) {
  const search::State& state = story.state;
  const spec::Metric& metric = state.spec().metric;
  if (!story.evidence) {
    return fmt::format(
        "**Not verified.** Node {} failed during the search ({}); it was "
        "exported as it stands, to be looked at.\n",
        story.plan.node.value(), Markdown(story.plan.failed, 300));
  }
  const Evidence& evidence = *story.evidence;
  std::string text = fmt::format(
      "| {} ({}) | Value | Samples | Spread |\n|---|---:|---:|---|\n"
      "| Before ({}) | {} | {} | {} |\n| After | **{}**{} | {} | {} |\n\n",
      Markdown(metric.name),
      metric.direction == spec::Direction::kMinimize ? "less is better"
                                                     : "more is better",
      Markdown(story.plan.onto_name, 60), FormatShort(evidence.before_value),
      evidence.before.size(), Spread(evidence.before),
      FormatShort(evidence.after_value), Change(evidence),
      evidence.after.size(), Spread(evidence.after));
  text += fmt::format(
      "Fresh samples, taken in turns, the commit of this branch in a clean "
      "checkout. Noise {}; {}.\n",
      report::NoiseText(state), Confidence(story));
  if (evidence.holdout) {
    const FreshSamples& held = *evidence.holdout;
    text += fmt::format(
        "\nOn the holdout, which no prompt ever showed: {} before, {} "
        "after{}; {}+{} fresh samples in the same checkouts.\n",
        FormatShort(held.before_value), FormatShort(held.after_value),
        Change(held), held.before.size(), held.after.size());
  }
  if (!state.final()) {
    text +=
        "\nThe search had not ended when this was exported; its best node "
        "may still change.\n";
  }
  return text;
}

std::string GateTable(const ExportStory& story) {
  const spec::Metric& metric = story.state.spec().metric;
  std::string rows;
  auto row = [&](const std::string& name, const std::string& rule) {
    const auto base = story.state.measurements().Number(AttemptId(0), name);
    const auto now = story.state.measurements().Number(story.plan.node, name);
    rows += fmt::format("| {} | {} | {} | {} |\n", Markdown(name),
                        Markdown(rule), base ? FormatShort(*base) : "-",
                        now ? FormatShort(*now) : "-");
  };
  for (const spec::Gate& gate : metric.gates) row(gate.name, gate.check);
  for (const spec::Guard& guard : metric.guards) {
    row(guard.name, "guard");
  }
  if (rows.empty()) return "";
  return "\n| Also measured | Rule | Baseline | Node |\n|---|---|---:|---:|\n" +
         rows;
}

std::string Files(const ExportStory& story) {
  struct Lines {
    std::size_t hunks = 0, added = 0, removed = 0;
    bool whole = false;
  };
  std::map<std::string, Lines> files;
  std::set<std::size_t> kept;
  for (const ExportPart& part : story.parts) {
    kept.insert(part.hunks.begin(), part.hunks.end());
  }
  for (std::size_t index : kept) {
    const vcs::HunkSpan& hunk = story.hunks.all()[index];
    Lines& lines = files[hunk.path];
    ++lines.hunks;
    lines.added += hunk.new_end - hunk.new_begin;
    lines.removed += hunk.old_end - hunk.old_begin;
    lines.whole = lines.whole || hunk.whole_file;
  }
  std::string text;
  for (const auto& [path, lines] : files) {
    text += fmt::format(
        "- {}: {}\n", Markdown(path, 200),
        lines.whole
            ? "the whole file"
            : fmt::format(
                  "{}, +{} -{}",
                  report::Count(static_cast<std::int64_t>(lines.hunks), "hunk"),
                  lines.added, lines.removed));
  }
  const std::size_t all = story.hunks.all().size();
  if (story.minimised && story.minimised->kept.size() < all) {
    text += fmt::format(
        "\nThe search had changed {} hunks; {} of them did not change the "
        "score beyond the threshold and were left out ({} parts were "
        "measured).\n",
        all, all - story.minimised->kept.size(),
        story.minimised->evaluated + story.minimised->known);
  }
  return text;
}

std::string Siblings(const ExportStory& story) {
  if (story.together.empty()) return "";
  std::string text =
      "\nThe numbers above are of these branches together. Each changes files "
      "of its own, builds and passes by itself, and may be merged in any "
      "order:\n\n";
  for (const std::string& branch : story.together) {
    text += fmt::format("- {}{}\n", Markdown(branch, 200),
                        branch == story.branch ? " (this one)" : "");
  }
  return text;
}

std::string LineageTable(const ExportStory& story) {
  const search::State& state = story.state;
  const std::vector<AttemptId> in = Attempts(story);
  std::string rows;
  std::size_t count = 0;
  for (AttemptId attempt : story.plan.lineage) {
    if (++count > kMostRows) break;
    const auto value = report::ValueOf(state, attempt);
    const search::InfoView info = state.Info(attempt);
    rows += fmt::format("| {} | {} | {} | {} | {} |\n", attempt.value(),
                        Markdown(report::IdeaOf(state, attempt), 120),
                        value ? FormatShort(*value) : "-",
                        Markdown(info->selected.arm, 60),
                        std::ranges::count(in, attempt) > 0 ? "yes" : "no");
  }
  return "| Node | Idea | Value then | By | In this branch "
         "|\n|---:|---|---:|---|---|\n" +
         rows;
}

// The best of what did not win.
std::string Alternatives(const ExportStory& story) {
  constexpr std::size_t kShown = 5;
  const search::State& state = story.state;
  std::string rows;
  std::size_t shown = 0;
  for (AttemptId attempt : report::Ranking(state)) {
    if (attempt.value() == 0 || shown == kShown ||
        std::ranges::count(story.plan.lineage, attempt) > 0) {
      continue;
    }
    ++shown;
    rows += fmt::format("- Node {}, {}: {}\n", attempt.value(),
                        FormatShort(*report::ValueOf(state, attempt)),
                        Markdown(report::IdeaOf(state, attempt), 120));
  }
  return rows;
}

std::string Environment(const search::State& state) {
  Result<Json> lock = ParseJson(state.start().lock_json, "baseline.lock");
  if (!lock || !lock->is_object()) return "";
  const auto environment = lock->find("environment");
  if (environment == lock->end() || !environment->is_object()) return "";
  std::string text;
  for (const char* key : {"os", "kernel", "cpu", "cores"}) {
    const auto found = environment->find(key);
    if (found == environment->end() || found->is_null()) continue;
    text += (text.empty() ? "" : ", ") + std::string(key) + " " +
            Markdown(found->is_string() ? found->get<std::string>()
                                        : DumpCanonical(*found),
                     80);
  }
  return text;
}

std::string Verification(const ExportStory& story) {
  const spec::Spec& spec = story.state.spec();
  std::string text;
  if (story.evidence) {
    text +=
        "- A checkout of its own, nothing built before, the commands in a "
        "sandbox.\n";
  }
  auto command = [&](std::string_view what, const std::string& line) {
    text += fmt::format("- {}: {}\n", what, Markdown(line, 300));
  };
  if (spec.evaluation.setup) command("Set up", *spec.evaluation.setup);
  if (spec.evaluation.build) command("Built", *spec.evaluation.build);
  for (const spec::Check& check : spec.checks) {
    command("Check, passed", check.command);
  }
  if (spec.checks.empty()) text += "- No checks were given.\n";
  command("Measured", spec.evaluation.command);
  const std::string where = Environment(story.state);
  if (!where.empty()) text += "- On: " + where + "\n";
  const search::Consumption used = story.state.Used(story.state.last_at());
  text += fmt::format(
      "- The search: {}, {}, {}.\n", report::Count(used.finished, "attempt"),
      FormatDuration(used.hours * 3600), report::SpentText(used));
  return text;
}

std::string Reproduction(const ExportStory& story) {
  const spec::Spec& spec = story.state.spec();
  std::string script = fmt::format("git switch {}\n", story.branch);
  for (const auto* line : {&spec.evaluation.setup, &spec.evaluation.build}) {
    if (*line) script += **line + "\n";
  }
  for (const spec::Check& check : spec.checks) script += check.command + "\n";
  script += spec.evaluation.command + "\n";
  script += fmt::format("coppice show {} {} --why   # where the run is kept\n",
                        story.state.run(), story.plan.node.value());
  return report::Fenced("sh", script);
}

}  // namespace

std::string MetricText(const ExportStory& story) {
  if (!story.evidence) return "";
  const Evidence& evidence = *story.evidence;
  std::string text = fmt::format(
      "{} {} -> {}{}, n {}+{}", OneLine(story.state.spec().metric.name, 40),
      FormatShort(evidence.before_value), FormatShort(evidence.after_value),
      Change(evidence), evidence.before.size(), evidence.after.size());
  if (story.state.noise().sigma > 0) {
    text += ", noise " + report::NoiseText(story.state);
  }
  if (!story.together.empty()) {
    text += fmt::format(", {} branches together", story.together.size());
  }
  return text;
}

std::string CommitMessage(const ExportStory& story, std::size_t index) {
  const search::State& state = story.state;
  const ExportPart& part = story.parts[index];
  std::string message = story.together.empty() ? Title(state, part.attempts)
                                               : RequestTitle(story);
  message += "\n\n";
  if (part.attempts.size() == 1) {
    const search::InfoView info = state.Info(part.attempts.front());
    if (!info->plan.bottleneck.empty()) {
      message +=
          Wrap(OneLine(Sanitize(info->plan.bottleneck), 400), 72) + "\n\n";
    }
  } else {
    for (AttemptId attempt : part.attempts) {
      message += Wrap("- " + IdeaOf(state, attempt, 300), 72) + "\n";
    }
    message += "\n";
  }
  message += fmt::format("Coppice-Run: {}\n", state.run());
  for (AttemptId attempt : part.attempts) {
    message += fmt::format("Coppice-Node: {}\n", attempt.value());
  }
  const std::string metric = MetricText(story);
  const bool last = index + 1 == story.parts.size();
  if (last && !metric.empty()) {
    message += "Coppice-Metric: " + metric + "\n";
  }
  if (last && !story.plan.failed.empty()) {
    message +=
        "Coppice-Outcome: " + OneLine(Sanitize(story.plan.failed), 200) + "\n";
  }
  return message;
}

std::string RequestTitle(const ExportStory& story) {
  const std::string title = Title(story.state, Attempts(story));
  if (story.together.empty()) return title;
  // One of several: told apart by its files.
  std::set<std::string> files;
  for (std::size_t hunk : story.parts.front().hunks) {
    files.insert(story.hunks.all()[hunk].path);
  }
  std::string named = title + ": " + report::Safe(*files.begin(), 60);
  if (files.size() > 1) {
    named += fmt::format(" and {} more", files.size() - 1);
  }
  return named;
}

std::string RequestText(const ExportStory& story) {
  const search::State& state = story.state;
  std::string text = Markdown(state.spec().goal, 400) + "\n";
  const std::vector<AttemptId> attempts = Attempts(story);
  if (attempts.size() == 1) {
    const search::PlanNote plan = state.Info(attempts.front())->plan;
    if (!plan.bottleneck.empty()) {
      text += "\n" + Markdown(plan.bottleneck, 400) + "\n";
    }
    if (!plan.risk.empty()) {
      text += "\nRisk named beforehand: " + Markdown(plan.risk, 400) + "\n";
    }
  }
  auto section = [&](std::string_view title, const std::string& body) {
    if (!body.empty()) text += fmt::format("\n## {}\n\n{}", title, body);
  };
  section("Measured", Measured(story) + GateTable(story));
  section("What changed", Files(story) + Siblings(story));
  section("Where it comes from", LineageTable(story));
  section("Tried and not chosen", Alternatives(story));
  section(story.evidence ? "How it was verified" : "How it was measured",
          Verification(story));
  section("Reproduce", Reproduction(story));
  return text;
}

}  // namespace coppice::app
