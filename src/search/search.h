#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/compute.h"
#include "base/task.h"
#include "search/budget.h"
#include "search/cache.h"
#include "search/event.h"
#include "search/expander.h"
#include "search/journal.h"
#include "search/measurer.h"
#include "search/policy.h"
#include "search/state.h"

namespace coppice::search {

// Told of every record after it was applied. Must not block.
using Observer = std::function<void(const State&, const Record&)>;

// How a search ended: a word, a sentence, and the exit code of SPEC §7.
struct Ending {
  std::string reason;
  std::string detail;
  int exit = 0;
};

// One search over one journal: selects, grows, measures and records until a
// budget ends or nothing is left, then confirms the winner. Conductor thread;
// no mutex. A search that cannot write its journal throws.
class Search {
 public:
  // Everything the search borrows; it must outlive the search.
  struct Parts {
    asio::any_io_executor executor;
    Clock& clock;
    Compute& compute;
    vcs::Repository& repository;
    eval::Evaluator& evaluator;
    Journal& journal;
    MeasurementCache* cache = nullptr;
    std::vector<Arm> arms;
    spec::ResolvedScope scope;
    int evaluations = 1;
    int open_sessions = 2;
    std::vector<Observer> observers;
    // Which disk is too full for anything new, in words; nothing while there
    // is room. None: not watched.
    std::function<std::optional<std::string>()> full_disk;
  };

  // What a fresh run begins with; a resumed one gives the record to append.
  struct Beginning {
    Started started;
    ObjectId base_tree;
    std::vector<eval::Sample> baseline;
  };

  explicit Search(Parts parts);
  ~Search();

  // Reads the journal into the state. First call; the journal may be empty.
  Result<void> Recover();
  // Starts a fresh run: `started`, the root, its samples, its outcome.
  Result<void> Begin(Beginning beginning);
  void Resume(Resumed resumed);
  void Approve(const std::string& dependency);

  // The whole search (DESIGN §2).
  Task<Ending> Run();
  // Only what is open: attempts left over, nodes just approved.
  Task<Ending> Finish();
  // One attempt: chosen by the policy unless `parents` is given, proposed by
  // an arm unless `proposal` is given.
  struct StepRequest {
    std::optional<AttemptId> parent;
    std::string idea;
    std::optional<llm::Proposal> proposal;
  };
  Task<Result<AttemptId>> Step(StepRequest request);

  // First SIGINT: nothing new is selected, what runs may end.
  void Drain(std::string reason, int exit);
  // Second SIGINT, SIGTERM: nothing more is measured or recorded. The caller
  // ends the running commands.
  void Abandon(std::string reason, int exit);

  const State& state() const { return state_; }

 private:
  std::int64_t Record(Event event);
  Result<void> Furnish();
  void TellPolicies();
  std::optional<Expansion> Next();
  AttemptId Select(const Expansion& expansion, std::string arm,
                   std::string idea);
  Task<void> Grow(AttemptId attempt);
  Task<bool> Make(AttemptId attempt);
  Task<void> AfterEvaluation(AttemptId attempt);
  Task<void> Flush();
  Task<void> RestoreObjects();
  Task<void> Publish();
  Task<void> Confirm();
  Ending Close();
  int Lookahead() const;
  void Pause(const std::string& cause, const std::string& detail);
  void Warn();
  bool stopping() const { return ending_.has_value(); }

  Parts parts_;
  State state_;
  std::vector<std::unique_ptr<Policy>> policies_;  // one a chain
  std::unique_ptr<Budget> budget_;
  std::unique_ptr<Expander> expander_;
  std::unique_ptr<Measurer> measurer_;
  std::optional<Ending> ending_;  // why nothing new is selected
  std::optional<Paused> pausing_;
  std::optional<llm::Proposal> given_;  // of Step
  bool abandoned_ = false;
  int unflushed_ = 0;
  int measured_since_canary_ = 0;
  std::optional<NodeId> published_;
  std::vector<std::string> warned_;
  std::vector<Committed> lost_objects_;  // not in the store
};

}  // namespace coppice::search
