#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "search/attempt_info.h"
#include "search/attempt_store.h"
#include "search/bandit.h"
#include "search/budget.h"
#include "search/chain_plan.h"
#include "search/decide.h"
#include "search/event.h"
#include "search/ledger.h"
#include "search/measurements.h"
#include "search/policy.h"
#include "search/sample_store.h"
#include "search/tree.h"
#include "spec/spec.h"

namespace coppice::search {

// An idea of the user's, or one that deserves another try.
struct Idea {
  std::string text;
  std::string source;              // "ideas.md", "tell", "merge conflict of 12"
  std::optional<AttemptId> at;     // grows there, if told so
  bool fresh = false;              // by a proposer that knows no history
  std::optional<AttemptId> tried;  // the attempt that took it
};

// Why an arm is not asked.
struct ArmOff {
  std::string cause;   // "auth", "billing", ..., "failures"
  std::string reason;  // for people
};

struct ChainState {
  NodeId best;
  int finished = 0;
  int in_flight = 0;
  int started = 0;
  int since_best = 0;
  int merges_since_best = 0;
  int tunes_since_best = 0;
  int restarts_since_best = 0;
  bool merges_off = false;
  // Trees of the chain's nodes, and whose they are.
  std::unordered_map<ObjectId, AttemptId> trees;
};

// The whole state of a search: a fold over the records of its journal. Live
// search, resume, replay and every view share this code. Applying a record
// twice changes nothing the second time, except counters of `applied()`.
// Conductor thread, or one owner.
class State {
 public:
  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  // Errors: a record that cannot follow what came before (a foreign or torn
  // journal), naming its number.
  Result<void> Apply(const Record& record);

  // After a fold of lean records: the numbers of those answers that are wanted
  // whole, for attempts that go on; and where each of them is given.
  std::vector<std::int64_t> LeanAnswers() const;
  void Refill(const Answered& answered);

  // Nodes that the last applied record changed, for a policy's indexes.
  const std::vector<NodeId>& changed() const { return changed_; }

  bool started() const { return spec_ != nullptr; }
  const spec::Spec& spec() const { return *spec_; }
  // Canonical JSON of the spec in force (changed by a resume).
  const std::string& merged_spec() const { return merged_spec_; }
  const std::string& run() const { return run_; }
  ObjectId base() const { return base_; }
  WallTime started_at() const { return started_at_; }
  WallTime last_at() const { return last_at_; }
  std::int64_t last_seq() const { return last_seq_; }
  const Started& start() const { return start_; }

  const SolutionTree& tree() const { return tree_; }
  const Measurements& measurements() const { return *measurements_; }
  NoiseModel noise() const;
  NodeId best() const;  // of the run: the best of the chains' bests
  const std::vector<ChainState>& chains() const { return chains_; }
  std::vector<ChainStanding> ChainStandings() const;
  ChainView View(int chain) const;
  double Tau(int repeats) const;  // at the value of best

  // nullptr: nothing is known of it.
  InfoView Info(AttemptId attempt) const { return infos_.Of(attempt); }
  AttemptId next_attempt() const { return next_attempt_; }
  // Attempts without an outcome, in order.
  std::vector<AttemptId> Open() const;
  const std::vector<AttemptId>& order_of_completion() const {
    return finished_;
  }

  Consumption Used(WallTime now) const;
  std::map<Outcome, int> Outcomes() const;
  // Failures of one signature in a row, ending with the last attempt.
  int SignatureStreak() const { return streak_; }
  const std::string& streak_signature() const { return streak_signature_; }
  // Nodes that failed by an environment error since the last resume; they are
  // evaluated again then.
  const std::vector<AttemptId>& environment_failures() const {
    return environment_failures_;
  }
  // The racers of a final that has begun, and its samples so far by node
  // (attempt 0 = baseline). Empty when no final is under way.
  const std::vector<AttemptId>& race() const { return race_; }
  const std::map<AttemptId, std::vector<double>>& race_samples() const {
    return race_samples_;
  }
  const std::map<AttemptId, std::vector<double>>& race_holdout() const {
    return race_holdout_;
  }
  // Of the holdout's samples of a final, as a fraction of the baseline.
  std::optional<double> RaceHoldoutGain(AttemptId winner) const;
  // Fresh pairs of a contender and the best it meets, in order, as far as they
  // are on record.
  struct Duel {
    std::vector<double> candidate, best;
    std::vector<double> candidate_seconds, best_seconds;
  };
  // kConfirm or kHoldout pairs.
  Duel DuelOf(AttemptId candidate, AttemptId best,
              SamplePhase phase = SamplePhase::kConfirm) const;
  // What judging has cost so far, the baseline's included.
  struct Judged {
    std::int64_t picodollars = 0;
    int samples = 0;
  };
  Judged judged() const;
  // Attempts whose last call has no answer.
  std::vector<AttemptId> Unanswered() const;
  double mean_propose_seconds() const {
    return answers_ == 0 ? 0 : propose_seconds_ / answers_;
  }
  const std::map<std::string, ArmStats>& arm_stats() const { return arms_; }
  // Switched off for the run ("failures") or until the user resumes.
  const std::map<std::string, ArmOff>& arms_off() const { return off_; }
  // The format an arm answers in now: its own, or `whole` since it kept
  // failing.
  std::string FormatOf(const std::string& arm) const;
  const Ledger& ledger() const { return ledger_; }
  // Every attempt that grew from a node, in order of selection, whatever
  // became of it.
  const std::vector<AttemptId>& AttemptsFrom(AttemptId parent) const;
  // What later attempts said that the node's result taught; empty if nobody.
  std::string LessonOf(AttemptId node) const;
  // `tell TEXT`, oldest first, and the queue of ideas.
  const std::vector<std::string>& told() const { return told_; }
  const std::vector<Idea>& ideas() const { return ideas_; }
  // Where the user wants the search to grow, until told otherwise.
  const std::optional<AttemptId>& pinned() const { return pinned_; }
  // The first idea that nobody has tried.
  const Idea* NextIdea() const;
  const std::set<std::string>& approved() const { return approved_; }
  const std::optional<Paused>& paused() const { return paused_; }
  const std::optional<Final>& final() const { return final_; }
  const std::optional<Stopped>& stopped() const { return stopped_; }
  const std::vector<Noted>& notes() const { return notes_; }
  const std::vector<Exported>& exports() const { return exports_; }
  // As recorded. What a failed one printed is known while the node has no
  // outcome.
  std::vector<Sampled> samples_of(AttemptId node) const {
    return samples_.Of(node);
  }
  const SampleStore& samples() const { return samples_; }

 private:
  Result<void> On(const Started& e, const Record& r);
  Result<void> On(const Selected& e, const Record& r);
  Result<void> On(const Asked& e, const Record& r);
  Result<void> On(const Answered& e, const Record& r);
  Result<void> On(const Rejected& e, const Record& r);
  Result<void> On(const Committed& e, const Record& r);
  Result<void> On(const Sampled& e, const Record& r);
  Result<void> On(const Evaluated& e, const Record& r);
  Result<void> On(const Told& e, const Record& r);
  Result<void> On(const Approved& e, const Record& r);
  Result<void> On(const Noted& e, const Record& r);
  Result<void> On(const Paused& e, const Record& r);
  Result<void> On(const Resumed& e, const Record& r);
  Result<void> On(const Final& e, const Record& r);
  Result<void> On(const Exported& e, const Record& r);
  Result<void> On(const Stopped& e, const Record& r);

  void AddChains();
  void Finish(AttemptId attempt, Outcome outcome, const std::string& reason,
              WallTime at);
  void Reopen(AttemptId attempt);
  void NewBest(AttemptId attempt, NodeId node);
  NodeId BestOfChains(NodeId first) const;
  void Prune(AttemptId attempt);
  void SetBudget(const std::map<std::string, std::string>& values);
  void CountStreak(const AttemptInfo& info, Outcome outcome,
                   const std::string& signature);
  void Reward(AttemptInfo& info, Outcome outcome, NodeId node);
  void CountAnswer(const AttemptInfo& info, Outcome outcome);
  bool Random(const std::string& arm) const;  // built-in edits

  std::unique_ptr<spec::Spec> spec_;
  std::string merged_spec_;
  std::string run_;
  ObjectId base_;
  Started start_;
  WallTime started_at_, last_at_;
  std::int64_t last_seq_ = 0;
  SolutionTree tree_;
  std::unique_ptr<Measurements> measurements_;
  std::vector<ChainState> chains_;
  NodeId best_;  // of the chains' bests
  std::vector<NodeId> changed_;
  AttemptStore infos_;
  SampleStore samples_;
  AttemptId next_attempt_{1};
  std::set<AttemptId> open_;
  std::vector<AttemptId> finished_;
  std::map<Outcome, int> outcomes_;
  std::map<std::string, ArmStats> arms_;
  int streak_ = 0;
  std::string streak_signature_;
  std::vector<AttemptId> environment_failures_;
  std::vector<AttemptId> race_;
  std::map<AttemptId, std::vector<double>> race_samples_;
  std::map<AttemptId, std::vector<double>> race_holdout_;
  std::set<std::string> approved_;
  std::optional<Paused> paused_;
  std::optional<Final> final_;
  std::optional<Stopped> stopped_;
  std::vector<Noted> notes_;
  std::vector<Exported> exports_;
  std::int64_t picodollars_ = 0;
  struct Reserved {
    std::int64_t picodollars = 0;
    std::int64_t tokens = 0;
  };
  std::map<AttemptId, Reserved> reserved_;  // calls without an answer yet
  bool price_unknown_ = false;
  std::map<std::string, ArmOff> off_;
  std::map<std::string, std::string> formats_;
  Ledger ledger_;
  std::unordered_map<AttemptId, std::vector<AttemptId>> from_;
  std::unordered_map<AttemptId, AttemptId> lessons_;  // who told it
  std::vector<std::string> told_;
  std::vector<Idea> ideas_;
  std::optional<AttemptId> pinned_;
  std::int64_t tokens_ = 0;
  double evaluation_seconds_ = 0;
  double propose_seconds_ = 0;
  int answers_ = 0;
  int judged_samples_ = 0;
  int search_samples_ = 0;  // those of baseline and final excluded
  int measured_nodes_ = 0;
  int since_best_ = 0;
};

}  // namespace coppice::search
