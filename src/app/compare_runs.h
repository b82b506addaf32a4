#pragma once

#include <filesystem>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/compare_plan.h"
#include "app/compare_record.h"
#include "app/search_parts.h"
#include "search/sqlite_journal.h"
#include "study/compare.h"
#include "study/side_by_side.h"

namespace coppice::app {

// A study that this process owns: one workbench for all of its searches, one
// seed after the other, within a seed all arms together. Each search is a run
// with a journal of its own; whatever stands there is not done again.
class CompareRuns {
 public:
  // The record is on disk.
  CompareRuns(const Global& global, ComparePlan plan, Project project,
              Baseline baseline, StudyRecord record);
  ~CompareRuns();
  // Lease, workbench, proposers. `accept_drift` is for none: arms measured on
  // different machines cannot be compared.
  Result<void> Prepare();
  // The whole study as far as it comes; how the last search stopped that did
  // not come to its end.
  Result<std::optional<search::Ending>> Run();
  // What is known now.
  study::Comparison Facts();
  const std::filesystem::path& directory() const { return directory_; }

 private:
  struct Member;
  struct Arm;

  Task<void> RunAll();
  Task<bool> RunSeed(int seed);
  Result<std::unique_ptr<Member>> Open(std::size_t arm, int seed);
  Result<void> Recover(Member& member, std::size_t arm, int seed);
  Result<void> Recall(Member& member);
  Task<bool> Finish(int seed);
  void Observe(const std::string& run, const search::State& state,
               const search::Record& record);
  void OnSignal(int signal, int before);
  void Stop(const search::Ending& ending);
  double Spent() const;

  const Global global_;
  const ComparePlan plan_;
  Project project_;
  const Baseline baseline_;
  const StudyRecord record_;
  const std::filesystem::path directory_;
  std::optional<search::RunLease> lease_;
  std::unique_ptr<Workbench> bench_;
  std::unique_ptr<search::MeasurementCache> cache_;
  TemplateSets templates_;
  std::vector<Arm> arms_;
  // Of the seed that is being searched; the turnstile outlives the searches.
  std::unique_ptr<study::Turnstile> turnstile_;
  std::vector<std::unique_ptr<Member>> members_;
  std::vector<study::SearchFacts> facts_;
  std::optional<search::Ending> stopped_;
  std::optional<Error> failed_;
};

}  // namespace coppice::app
