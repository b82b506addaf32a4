#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "app/commands.h"
#include "app/compare_plan.h"
#include "app/compare_record.h"
#include "app/compare_runs.h"
#include "app/slot_guard.h"
#include "base/text.h"
#include "report/views.h"
#include "study/compare_report.h"

// compare: the budget-split study. What can be refused is refused before a
// command runs; then the base is measured; then study.json is written; then the
// searches start, and all that follows can be killed and resumed.

namespace coppice::app {
namespace fs = std::filesystem;
namespace {

Result<void> WriteStudy(const study::Comparison& comparison,
                        const fs::path& directory) {
  Result<void> written = report::WriteWhole(directory / "compare.md",
                                            study::CompareMarkdown(comparison));
  auto write = [&](const char* file, const std::string& text) {
    if (written) written = report::WriteWhole(directory / file, text);
  };
  write("report.html", study::CompareHtml(comparison));
  write("compare.json", study::CompareJson(comparison));
  write("curves.tsv", study::CurvesTsv(comparison));
  return written;
}

int Conclude(const Global& global, CompareRuns& runs,
             const std::optional<search::Ending>& stopped) {
  const study::Comparison comparison = runs.Facts();
  Result<void> written = WriteStudy(comparison, runs.directory());
  if (!written) return Fail(global, written.error());
  if (global.output == OutputMode::kJson) {
    Print(Trim(study::CompareJson(comparison)));
  } else {
    for (const std::string& line : study::Verdicts(comparison)) Print(line);
    Print(
        fmt::format("report: {}", (runs.directory() / "compare.md").string()));
  }
  if (!stopped) return kDone;
  Say(fmt::format("stopped: {}{}{}", stopped->reason,
                  stopped->detail.empty() ? "" : ": ", stopped->detail));
  if (stopped->reason == "max_cost_usd") {
    Say("raise max_cost_usd in the file if the study is to go on");
  }
  Say("next: coppice compare FILE --resume");
  return stopped->exit > 128 ? stopped->exit : kPaused;
}

int RunStudy(const Global& global, ComparePlan plan, Project project,
             Baseline baseline, StudyRecord record) {
  CompareRuns runs(global, std::move(plan), std::move(project),
                   std::move(baseline), std::move(record));
  Result<void> ready = runs.Prepare();
  if (!ready) return Fail(global, ready.error());
  Result<std::optional<search::Ending>> stopped = runs.Run();
  if (!stopped) return Fail(global, stopped.error());
  return Conclude(global, runs, *stopped);
}

// A study is what it was begun as; only more money may be put in.
Result<void> MustBeSame(const ComparePlan& plan, const StudyRecord& record) {
  Result<spec::Study> before =
      spec::ParseStudy(record.file_text, plan.file.string());
  if (!before) return before.error();
  spec::Study then = *before;
  spec::Study now = plan.study;
  for (spec::Study* study : {&then, &now}) {
    study->max_cost_usd.reset();
    study->where.clear();
    study->spec.clear();
    for (spec::StudyArm& arm : study->arms) arm.where.clear();
  }
  if (then == now) return Ok();
  return Error{.code = ErrorCode::kUsage,
               .what = fmt::format("the file is not the one that study {}-{} "
                                   "was begun with",
                                   record.name, record.id),
               .where = plan.file.string(),
               .cause =
                   "arms searched under different rules cannot be "
                   "compared; only max_cost_usd may change",
               .next = "put it back, or start a new study without --resume"};
}

int ResumeStudy(const Global& global, ComparePlan plan) {
  Result<Opened> repository = OpenRepository(global);
  if (!repository) return Fail(global, repository.error());
  Result<StudyRecord> record = FindStudy(repository->home, plan.study.name);
  if (!record) return Fail(global, record.error());
  Result<void> same = MustBeSame(plan, *record);
  if (!same) return Fail(global, same.error());
  Result<spec::Loaded> base = spec::ParseSpec(
      record->spec_json, "the study's spec", BudgetsOf(plan.study));
  if (!base) return Fail(global, base.error());
  Result<void> planned = PlanArms(plan, *base);
  if (!planned) return Fail(global, planned.error());
  Result<eval::BaselineLock> lock =
      eval::ParseLock(record->lock_json, "the study's baseline.lock");
  if (!lock) return Fail(global, lock.error());
  Baseline baseline = BaselineFrom(base->spec, std::move(*lock));
  Result<Project> project = OpenRunProject(std::move(*repository), base->spec,
                                           base->merged_json, record->base);
  if (!project) return Fail(global, project.error());
  return RunStudy(global, std::move(plan), std::move(*project),
                  std::move(baseline), std::move(*record));
}

// More requests at once than any arm asks for are never made.
Overrides SpecOverrides(const ComparePlan& plan) {
  Overrides overrides = BudgetsOf(plan.study);
  int requests = 0;
  for (const spec::Loaded& arm : plan.arms) {
    requests = std::max(requests, arm.spec.parallel.requests);
  }
  if (requests > 0) {
    overrides.emplace_back("parallel.requests", std::to_string(requests));
  }
  return overrides;
}

}  // namespace

int Compare(const Global& global, const CompareOptions& options) {
  Result<void> allowed = MustNotBeASlot("study");
  if (!allowed) return Fail(global, allowed.error());
  Result<ComparePlan> plan = ReadPlan(options.file);
  if (!plan) return Fail(global, plan.error());
  if (options.resume) return ResumeStudy(global, std::move(*plan));
  PreflightOptions how;
  how.spec.file = SpecOf(*plan);
  how.overrides = BudgetsOf(plan->study);
  Result<Project> looked = OpenProject(global, how.spec, how.overrides);
  if (!looked) return Fail(global, looked.error());
  const spec::Loaded base = looked->loaded;
  Result<void> planned = PlanArms(*plan, base);
  if (!planned) return Fail(global, planned.error());
  how.overrides = SpecOverrides(*plan);
  int interrupted = 0;
  Result<Preflight> preflight =
      RunPreflight(global, std::move(how), interrupted);
  if (interrupted != 0) return interrupted;
  if (!preflight) return Fail(global, preflight.error());
  PrintPreflight(global, *preflight);
  for (const std::string& line : PlanLines(*plan, *preflight)) {
    if (global.output != OutputMode::kJson) Print(line);
  }
  if (options.dry_run) return kDone;
  Project& project = preflight->project;
  const std::unique_ptr<Clock> clock = MakeRealClock();
  StudyRecord record{.id = NewRunId(clock->Wall()),
                     .name = plan->study.name,
                     .file_text = plan->text,
                     .spec_name = project.spec().name,
                     .spec_json = base.merged_json,
                     .base = project.base,
                     .lock_json = eval::FormatLock(preflight->baseline.lock)};
  const fs::path directory = StudyDirectory(project.home, record);
  std::error_code failed;
  fs::create_directories(directory, failed);
  Result<void> written = WriteRecord(directory, record);
  if (!written) return Fail(global, written.error());
  return RunStudy(global, std::move(*plan), std::move(project),
                  std::move(preflight->baseline), std::move(record));
}

}  // namespace coppice::app
