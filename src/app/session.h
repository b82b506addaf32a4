#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/baseline.h"
#include "app/hooks.h"
#include "app/project.h"
#include "app/search_parts.h"
#include "app/status_view.h"
#include "app/workbench.h"
#include "report/views.h"
#include "search/lease.h"
#include "search/search.h"
#include "search/sqlite_journal.h"

namespace coppice::app {

// A run that this process owns: lease, journal, workbench and search, with
// progress on the screen and views on disk. Made for a fresh run or for one
// that exists; used once.
class Session {
 public:
  // A new run of `project`, started from its baseline.
  static Result<std::unique_ptr<Session>> Begin(const Global& global,
                                                Project project,
                                                const Baseline& baseline);
  struct Reopen {
    std::string run;      // as FindRun takes it
    Overrides overrides;  // budget, parallel, instructions, proposers, hooks
    bool accept_drift = false;
  };
  // Takes over a run that nobody owns.
  static Result<std::unique_ptr<Session>> Open(const Global& global,
                                               const Reopen& reopen);
  // A new run that makes `source` again, from its records alone.
  static Result<std::unique_ptr<Session>> Replay(const Global& global,
                                                 const std::string& source);
  ~Session();

  // The whole search / only what is open / one attempt; then the views are
  // brought up to date. Returns the exit code.
  int Run();
  int Finish();
  int RunReplay();
  Result<AttemptId> Step(search::Search::StepRequest request);
  // The exit code; nothing is printed.
  Result<int> Remeasure(std::vector<AttemptId> nodes, int samples,
                        SamplePhase phase);

  void Approve(const std::string& dependency);
  vcs::Store& store() { return *project_.store; }
  const search::State& state() const { return search_->state(); }
  const std::filesystem::path& directory() const { return directory_; }
  const std::string& id() const { return id_; }

 private:
  Session(const Global& global, Project project);
  Result<void> Prepare(std::filesystem::path directory, eval::BaselineLock lock,
                       bool offline = false);
  void ListenToUser(search::Search::Parts& parts);
  void ListenToCluster(Cluster& cluster);
  Result<void> OwnJournal(bool fresh);
  Result<void> MakeSearch();
  void Observe(const search::State& state, const search::Record& record);
  void OnSignal(int signal, int before);
  void OnTold(const search::Told& told);
  void Abandon(const std::string& reason, int exit);
  std::unique_ptr<Hooks> MakeHooks();
  void Conduct(Task<void> task);
  Result<void> WriteViews();
  void SayDeferred() const;
  std::optional<Error> CassetteMiss() const;
  int Conclude(const search::Ending& ending);

  Global global_;
  Project project_;
  std::string id_;
  std::filesystem::path directory_;
  std::optional<search::RunLease> lease_;
  std::unique_ptr<search::SqliteJournal> journal_;
  std::unique_ptr<search::MeasurementCache> cache_;
  std::unique_ptr<Workbench> bench_;
  std::unique_ptr<search::Search> search_;
  std::unique_ptr<Hooks> hooks_;
  bool abandoned_ = false;
  bool over_ = false;  // the search; hooks may still be told
  std::unique_ptr<report::ViewWriter> views_;
  std::optional<StatusView> status_;
  TemplateSets templates_;
  std::vector<search::Record> replayed_;
};

}  // namespace coppice::app
