#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "report/analytics.h"
#include "report/environment.h"
#include "report/facts.h"
#include "report/report_sections.h"
#include "report/words.h"

// How the result was verified, what it cost and where it was measured.

namespace coppice::report {
namespace {

std::string GateRows(const search::State& state) {
  const spec::Metric& metric = state.spec().metric;
  const AttemptId best = BestAttempt(state);
  std::string rows;
  auto row = [&](const std::string& name, const std::string& rule) {
    const auto base = state.measurements().Number(AttemptId(0), name);
    const auto now = state.measurements().Number(best, name);
    rows += fmt::format("| {} | {} | {} | {} |\n", Markdown(name),
                        Markdown(rule), base ? FormatShort(*base) : "-",
                        now ? FormatShort(*now) : "-");
  };
  for (const spec::Gate& gate : metric.gates) row(gate.name, gate.check);
  for (const spec::Guard& guard : metric.guards) {
    row(guard.name, guard.relative
                        ? fmt::format("at most {}% worse",
                                      FormatShort(100 * guard.max_regression))
                        : fmt::format("at most {} worse",
                                      FormatShort(guard.max_regression)));
  }
  if (rows.empty()) return "";
  return "\n| Gate or guard | Rule | Baseline | Best |\n|---|---|---:|---:|\n" +
         rows;
}

std::string FinalRows(const search::State& state) {
  if (!state.final() || state.final()->finalists.empty()) return "";
  std::string rows =
      "\nThe final race, on fresh samples alone:\n\n"
      "| Node | Samples | Value | Least | Greatest "
      "|\n|---:|---:|---:|---:|---:|"
      "\n";
  for (const search::Finalist& finalist : state.final()->finalists) {
    if (finalist.values.empty()) continue;
    const auto [low, high] = std::ranges::minmax(finalist.values);
    rows += fmt::format(
        "| {} | {} | {} | {} | {} |\n", finalist.node.value(),
        finalist.values.size(),
        FormatShort(state.measurements().Aggregate(finalist.values)),
        FormatShort(low), FormatShort(high));
  }
  if (state.final()->confirmed) {
    rows +=
        "\nAmong finalists that the threshold cannot tell from the top, the "
        "one with the fewest changed lines wins.\n";
  }
  return rows;
}

std::string SampleCounts(const search::State& state, AttemptId attempt) {
  const search::NodeSamples* samples = state.measurements().Samples(attempt);
  std::string text;
  if (samples == nullptr) return "none";
  for (const auto& [phase, scores] : samples->ScoresByPhase()) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", scores.size(),
                        Name(phase));
  }
  return text.empty() ? "none" : text;
}

std::string TallyRows(const std::map<std::string, Tally>& tallies,
                      std::string_view what) {
  std::string rows;
  for (const auto& [name, tally] : tallies) {
    const double per =
        tally.attempts > 0 ? 100 * tally.gain / tally.attempts : 0;
    rows += fmt::format("| {} {} | {} | {} | {} | {} | {}% | {} |\n", what,
                        name.empty() ? "(none)" : Markdown(name, 60),
                        tally.attempts, tally.improved, tally.measured,
                        tally.failed, FormatShort(per, 2), Dollars(tally.usd));
  }
  return rows;
}

std::string HotFiles(const Analytics& all) {
  std::string text;
  for (const HotFile& file : all.hot_files) {
    text += fmt::format("{}{} ({} of {} improved)", text.empty() ? "" : ", ",
                        Markdown(file.path, 100), file.improved, file.changed);
  }
  return text;
}

}  // namespace

std::string VerificationSection(const search::State& state) {
  const spec::Spec& spec = state.spec();
  const AttemptId best = BestAttempt(state);
  std::string text;
  if (spec.checks.empty()) {
    text += "- Checks: none were given; nothing but the metric was verified.\n";
  }
  for (const spec::Check& check : spec.checks) {
    text += fmt::format("- Check, passed by every measured node: {}\n",
                        Markdown(check.command, 200));
  }
  text += fmt::format("- Samples of the baseline: {}.\n",
                      SampleCounts(state, AttemptId(0)));
  if (best.value() != 0) {
    text += fmt::format("- Samples of node {}: {}.\n", best.value(),
                        SampleCounts(state, best));
  }
  if (!spec.evaluation.holdout) text += "- Holdout: none was given.\n";
  if (const search::InfoView info = state.Info(best)) {
    for (const std::string& flag : FlagsOf(*info)) {
      text += fmt::format("- Flag on the best: {}\n", Markdown(flag));
    }
  }
  for (const search::Noted& note : state.notes()) {
    if (note.kind.starts_with("canary")) {
      text += fmt::format("- Drift: {}\n", Markdown(note.text, 300));
    }
  }
  return text + GateRows(state) + FinalRows(state);
}

std::string EffortSection(const search::State& state) {
  const Analytics all = Analyse(state);
  if (state.order_of_completion().empty()) return "";
  std::string text =
      "| | Attempts | Improved | Measured | Failed | Gain an attempt | Cost |\n"
      "|---|---:|---:|---:|---:|---:|---:|\n";
  text += TallyRows(all.by_operator, "operator");
  text += TallyRows(all.by_arm, "arm");
  text += TallyRows(all.by_category, "category");
  text += fmt::format("\n- Evaluation took {} for {}.\n",
                      FormatDuration(all.measure_seconds),
                      Count(all.samples, "sample"));
  if (all.samples > 0 && all.gain > 0) {
    text += fmt::format("- Gain a sample: {}%.\n",
                        FormatShort(100 * all.gain / all.samples, 2));
  }
  if (all.usd > 0 && all.gain > 0) {
    text += fmt::format("- Gain a dollar: {}%.\n",
                        FormatShort(100 * all.gain / all.usd, 2));
  }
  if (all.measure_seconds > 0) {
    text += fmt::format(
        "- Spent on attempts that failed: {} ({} of the evaluation).\n",
        FormatDuration(all.wasted_seconds),
        fmt::format("{:.0f}%", 100 * all.wasted_seconds / all.measure_seconds));
  }
  text += fmt::format("- Never measured (rejected before a commit): {}.\n",
                      all.never_measured);
  const std::string hot = HotFiles(all);
  if (!hot.empty()) text += fmt::format("- Files most changed: {}.\n", hot);
  return text;
}

std::string ApprovalSection(const search::State& state) {
  std::string text;
  for (AttemptId attempt : state.order_of_completion()) {
    const search::InfoView info = state.Info(attempt);
    if (info == nullptr || OutcomeOf(state, attempt) != Outcome::kDeferred) {
      continue;
    }
    std::string needs;
    for (const std::string& need : info->needs) {
      needs += (needs.empty() ? "" : " ") + Markdown(need, 80);
    }
    text += fmt::format("- Node {} needs {}: {} (coppice approve {} {})\n",
                        attempt.value(), needs,
                        Markdown(IdeaOf(state, attempt)), state.run(), needs);
  }
  return text;
}

std::string EnvironmentSection(const search::State& state) {
  std::string rows;
  for (const auto& [name, text] : EnvironmentOf(state)) {
    rows += fmt::format("| {} | {} |\n", Markdown(name), Markdown(text, 200));
  }
  return rows.empty() ? "" : "| | |\n|---|---|\n" + rows;
}

}  // namespace coppice::report
