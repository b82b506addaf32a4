#pragma once

#include <deque>
#include <filesystem>
#include <functional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "report/report_md.h"
#include "search/state.h"

namespace coppice::report {

// Long texts of an attempt, which stand in the journal and not in State;
// empty where there is none.
struct AttemptTexts {
  std::string patch;
  std::string prompt;
  std::string answer;
  std::string judged;  // every call to the judge, whole
  std::string output;  // the last of it, of a failed node
};
using FindTexts = std::function<Result<AttemptTexts>(AttemptId)>;

// The only place that writes views. A file appears whole or not at all (a
// temporary name, then a rename); nothing is ever read back as truth. The
// directory of the run must exist. Blocks on disk; not for two threads at
// once, and `state` must not change during a call.
class ViewWriter {
 public:
  ViewWriter(std::filesystem::path run_dir, FindTexts texts);

  // nodes/<n>/{result.json,plan.md,lesson.md,diff.patch,prompt.md,answer.md,
  // judge.md} of the attempts that finished, or finished again, since the last
  // call. The cost follows their number, not the size of the tree. A node whose
  // result.json stands there already from an earlier process is passed over.
  Result<void> WriteNodes(const search::State& state);
  // results.jsonl, results.tsv, leaderboard.md, experiment-log.yaml and
  // digest.md, anew. The cost follows the size of the tree.
  Result<void> WriteTables(const search::State& state);
  // The same, but only when a fifth more attempts (and ten) finished than at
  // the last time: to be called after each, at a cost that stays flat.
  Result<void> WriteTablesIfDue(const search::State& state);
  // report.md.
  Result<void> WriteReport(const search::State& state,
                           const ReportInput& input);
  // report.html, whole (RES-04), with texts from `texts`.
  Result<void> WritePage(const search::State& state, WallTime now,
                         const FindTexts& texts);

 private:
  Result<void> WriteNode(const search::State& state, AttemptId attempt);

  const std::filesystem::path run_dir_;
  const FindTexts texts_;
  // When each attempt that was written had finished.
  std::deque<WallTime> written_;  // when it had finished, by number
  std::size_t notes_ = 0;         // of the state's, looked at
  std::size_t in_tables_ = 0;     // finished attempts in the tables on disk
};

// plan.md: the plan as the proposer gave it; empty if there is nothing in it
// but the idea and its category.
std::string PlanMarkdown(const search::State& state, AttemptId attempt);

// Writes `text` under a temporary name beside `file`, then renames it.
Result<void> WriteWhole(const std::filesystem::path& file,
                        std::string_view text);

}  // namespace coppice::report
