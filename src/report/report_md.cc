#include "report/report_md.h"

#include <fmt/format.h>

#include "base/patch.h"
#include "base/text.h"
#include "report/arms.h"
#include "report/facts.h"
#include "report/report_sections.h"
#include "report/status.h"
#include "report/tree_text.h"
#include "report/words.h"

namespace coppice::report {
namespace {

constexpr std::size_t kDiffBytes = 60'000;
constexpr std::size_t kTreeBytes = 20'000;

std::string Row(std::string_view name, const std::string& value) {
  return value.empty() ? "" : fmt::format("| {} | {} |\n", name, value);
}

std::string Paths(const std::vector<std::string>& paths) {
  std::string list;
  for (const std::string& path : paths) {
    list += (list.empty() ? "" : ", ") + Markdown(path, 200);
  }
  return list;
}

std::string Facts(const search::State& state, WallTime now) {
  const spec::Spec& spec = state.spec();
  const WallTime until =
      state.stopped() || state.paused() ? state.last_at() : now;
  const search::Consumption used = state.Used(until);
  const bool minimize = spec.metric.direction == spec::Direction::kMinimize;
  std::string cost = SpentText(used);
  if (used.tokens > 0) cost += ", " + Count(used.tokens, "token");
  std::string ended = std::string(StatusWord(state, std::nullopt));
  if (state.stopped()) ended += ", " + Markdown(StopText(state));
  std::string table = "| | |\n|---|---|\n";
  table += Row("Goal", Markdown(spec.goal, 400));
  table += Row("Run", state.run());
  table += Row("Started", FormatUtc(state.started_at()));
  table += Row("Status", ended);
  table += Row("Base", state.base().Hex());
  table += Row("Files", Paths(spec.scope.mutable_paths));
  table += Row("Metric", fmt::format("{} ({})", Markdown(spec.metric.name),
                                     minimize ? "minimize" : "maximize"));
  table += Row("Attempts", std::to_string(used.finished));
  table += Row("Time", FormatDuration(used.hours * 3600));
  table += Row("Cost", cost);
  return table;
}

std::string Changes(const ReportInput& input) {
  if (input.diff.empty()) return "";
  std::string text;
  if (Result<Patch> patch = ParsePatch(input.diff)) {
    text = Markdown(Summary(Stats(*patch)), 2000) + "\n\n";
  }
  return text + Fenced("diff", HeadAndTail(input.diff, kDiffBytes));
}

std::string Reproduction(const search::State& state) {
  const std::string& run = state.run();
  std::string commands = fmt::format(
      "coppice replay {0}           # rebuild the tree from the journal, "
      "verify "
      "every id\n"
      "coppice show {0} best --why  # the winner and the evidence for it\n"
      "coppice diff {0} best --against base\n",
      run);
  if (BestAttempt(state).value() != 0) {
    commands +=
        fmt::format("coppice export {}           # a branch to review\n", run);
  }
  return fmt::format("Made by coppice {} with seed {}.\n\n{}",
                     Markdown(state.start().coppice), state.start().seed,
                     Fenced("sh", commands));
}

void AddSection(std::string& page, std::string_view title,
                const std::string& text) {
  if (!text.empty()) page += fmt::format("\n## {}\n\n{}", title, text);
}

}  // namespace

std::string ReportMarkdown(const search::State& state,
                           const ReportInput& input) {
  std::string page = fmt::format("# Report: {}\n\n{}", state.spec().name,
                                 Facts(state, input.now));
  const AttemptId best = BestAttempt(state);
  if (best.value() == 0) {
    AddSection(page, "No improvement", NoImprovementSection(state));
  } else {
    AddSection(page, "Result", ResultSection(state));
  }
  if (OutcomeOf(state, AttemptId(0))) {
    AddSection(page, "What to try next", NextSection(state));
  }
  AddSection(page, "Approaches tried", ApproachesSection(state));
  if (best.value() != 0) {
    AddSection(page, fmt::format("Why node {} won", best.value()),
               WhySection(state));
  }
  AddSection(page, "What changed", Changes(input));
  AddSection(page, "Verification", VerificationSection(state));
  AddSection(page, "Tree",
             Fenced("text", HeadAndTail(TreeText(state), kTreeBytes)));
  AddSection(page, "Where the effort went", EffortSection(state));
  AddSection(page, "What limited the search", LimitsSection(state, input.now));
  AddSection(page, "Proposers", ArmsSection(state));
  AddSection(page, "Waiting for your approval", ApprovalSection(state));
  AddSection(page, "Environment", EnvironmentSection(state));
  AddSection(page, "Reproduce", Reproduction(state));
  return page;
}

}  // namespace coppice::report
