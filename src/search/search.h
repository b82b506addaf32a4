#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/compute.h"
#include "base/task.h"
#include "search/budget.h"
#include "search/cache.h"
#include "search/calls.h"
#include "search/company.h"
#include "search/event.h"
#include "search/expander.h"
#include "search/journal.h"
#include "search/judging.h"
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

// Where a replay stands.
struct Replaying {
  WallTime at;                      // of the record that is made again
  const Event* expected = nullptr;  // that record
  bool recorded = false;
  // Prompts by the record up to which they tell, and the attempt; built when
  // the replay stands there.
  std::map<std::pair<std::int64_t, AttemptId>, std::string> prompts;
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
    llm::Judge* judge = nullptr;  // if the spec has one
    std::vector<Arm> arms;
    spec::ResolvedScope scope;
    int evaluations = 1;
    int open_sessions = 2;
    std::vector<Observer> observers;
    // Which disk is too full for anything new, in words; nothing while there
    // is room. None: not watched.
    std::function<std::optional<std::string>()> full_disk;
    // What waits in the inbox, appended to the journal as records; and the
    // lines of the file of hypotheses. Asked once a second at most. None:
    // nobody says anything.
    std::function<std::vector<search::Record>(WallTime)> inbox;
    std::function<std::vector<std::string>()> hypotheses;
    // Ends what runs, when nothing has finished for too long; called once.
    std::function<void()> give_up;
    // Ends the evaluation of a node that the user has pruned, if it can be
    // ended by itself.
    std::function<void(AttemptId)> cancel;
    const Templates& templates = Templates::BuiltIn();
    Company* company = nullptr;  // of a study's searches
  };

  // What a fresh run begins with; a resumed one gives the record to append.
  struct Beginning {
    Started started;
    ObjectId base_tree;
    std::vector<eval::Sample> baseline;
    // What judging it has cost, in one call.
    std::optional<std::pair<Asked, Answered>> judged;
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
  // More fresh samples of nodes that have been measured; see Measurer.
  Task<Result<Ending>> Remeasure(std::vector<AttemptId> nodes, int samples,
                                 SamplePhase phase);
  // One fresh sample of a node that has been measured, of a search that has
  // ended; slots stay open until the next Rest. False: none was to be had.
  Task<bool> Sample(AttemptId node);
  void Rest();
  // One attempt: chosen by the policy unless `parents` is given, proposed by
  // an arm unless `proposal` is given.
  struct StepRequest {
    std::optional<AttemptId> parent;
    std::string idea;
    std::optional<llm::Proposal> proposal;
    std::string measured;  // JSON: what was measured of it elsewhere
  };
  Task<Result<AttemptId>> Step(StepRequest request);

  // Makes the search of these records again, after Recover of an empty journal
  // and a `started` that names the run it replays. kConflict: this program
  // decides otherwise somewhere.
  Task<Result<void>> Replay(std::vector<search::Record> source);
  Result<void> Start(Started started, std::optional<WallTime> at = {});

  // First SIGINT: nothing new is selected, what runs may end.
  void Drain(std::string reason, int exit);
  // `coppice stop`: the same, and then the best are measured again.
  void Stop();
  // Second SIGINT, SIGTERM: nothing more is measured or recorded. The caller
  // ends the running commands.
  void Abandon(std::string reason, int exit);

  // Hears what waits in the inbox, at most once a second: a search that waits
  // for an evaluation does not look by itself. Looks, too, whether anything
  // still finishes.
  void Heed();

  // What whoever evaluates has to say for the record: a note; that its
  // machines do not answer, and why, or that they do again.
  void Note(Noted note);
  void EvaluatorOut(std::optional<std::string> why);

  const State& state() const { return state_; }

 private:
  std::int64_t Record(Event event);
  Result<void> Furnish();
  void TellPolicy();
  std::optional<Expansion> Next();
  std::optional<Expansion> Choose(int chain);
  AttemptId Select(const Expansion& expansion, std::string arm,
                   std::string idea);
  Task<void> Grow(AttemptId attempt);
  Task<bool> Make(AttemptId attempt);
  std::string PromptOf(AttemptId attempt);
  Task<std::optional<llm::Proposal>> Propose(AttemptId attempt);
  Task<bool> Rearm(AttemptId attempt);
  Task<bool> WaitForArms(Operator op, Expander::Reading reading);
  bool DiskIsFull();
  Task<bool> WaitForRoom();
  bool IsOthersTurn();
  void SwitchOff(const std::string& arm, const llm::Unavailable& why);
  void WatchArm(const std::string& arm);
  void CloseOpenCalls();
  void OfferAgain(const Choice& merge);
  bool Listen();
  void NoticeStandstill();
  void NoticeLongOutage();
  void Hear(const search::Record& record);
  void Hold();
  void Release();
  void GrowReopened(const std::vector<AttemptId>& open_before);
  Task<bool> WaitForRelease();
  Event Unpruned(Event event) const;
  void See(const search::Record& record);
  const Idea* IdeaFor(const Expansion& expansion) const;
  Task<void> AfterEvaluation(AttemptId attempt);
  Task<void> Flush();
  Task<void> RestoreObjects();
  Task<void> Publish();
  Task<void> Confirm();
  Ending Close();
  Task<void> Redo(const search::Record& record);
  void RedoSelection(const Selected& wanted);
  Task<void> BuildPrompts(std::vector<AttemptId> attempts);
  void RedoPrompt(const Asked& wanted);
  Task<void> RedoCommit(const Committed& wanted);
  Task<void> RedoRejection(const Rejected& wanted);
  void RecordDecision(Event mine);
  int Lookahead() const;
  bool AnyThinks() const;
  void Pause(const std::string& cause, const std::string& detail);
  void Warn();
  bool stopping() const { return ending_.has_value(); }

  Parts parts_;
  State state_;
  std::unique_ptr<Policy> policy_;
  std::unique_ptr<Budget> budget_;
  std::unique_ptr<Expander> expander_;
  std::unique_ptr<Judging> judging_;
  std::unique_ptr<Measurer> measurer_;
  std::optional<Ending> ending_;  // why nothing new is selected
  std::optional<Paused> pausing_;
  std::optional<llm::Proposal> given_;  // of Step
  Signal settled_;                      // a call was answered
  Semaphore preparing_;                 // of prompts, one at a time
  std::optional<Instant> listened_;
  std::optional<Instant> progress_;     // when something last finished
  TaskGroup* growing_ = nullptr;        // of Run, while it selects
  bool racing_ = false;                 // the final is under way
  bool held_ = false;                   // the user has paused the search
  std::optional<std::string> no_room_;  // which disk is too full; noted
  bool others_turn_ = false;    // of the company: nothing may be selected
  bool draining_ = false;       // the user wants an end: no further calls
  bool outage_ = false;         // every arm rests; recorded as a pause
  bool evaluator_out_ = false;  // no machine answers; recorded as a pause
  bool abandoned_ = false;
  int unflushed_ = 0;
  int measured_since_canary_ = 0;
  std::optional<NodeId> published_;
  Semaphore publishing_{parts_.executor, 1};
  std::vector<std::string> warned_;
  std::vector<Committed> lost_objects_;  // not in the store
  std::optional<Replaying> replay_;
};

}  // namespace coppice::search
