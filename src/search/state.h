#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "search/budget.h"
#include "search/decide.h"
#include "search/event.h"
#include "search/measurements.h"
#include "search/policy.h"
#include "search/tree.h"
#include "spec/spec.h"

namespace coppice::search {

// What is known of one attempt beyond the tree: for views, resume and prompts.
struct AttemptInfo {
  Selected selected;
  std::optional<Answered> answered;   // the last one
  std::optional<Rejected> rejected;
  std::optional<Evaluated> evaluated;
  llm::Plan plan;
  std::vector<FileStat> files;
  std::vector<std::string> needs;
  std::string matched;
  std::vector<std::string> flags;
  double propose_seconds = 0;
  double measure_seconds = 0;
  double usd = 0;
  std::int64_t input_tokens = 0;
  std::int64_t output_tokens = 0;
  WallTime selected_at;
  WallTime finished_at;
  std::int64_t committed_seq = 0;  // of its `committed` record; texts are there
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

  bool started() const { return spec_ != nullptr; }
  const spec::Spec& spec() const { return *spec_; }
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
  ChainView View(int chain) const;
  double Tau(int repeats) const;  // at the value of best

  const AttemptInfo* Info(AttemptId attempt) const;
  AttemptId next_attempt() const { return next_attempt_; }
  // Attempts without an outcome, in order.
  std::vector<AttemptId> Open() const;
  const std::vector<AttemptId>& order_of_completion() const { return finished_; }

  Consumption Used(WallTime now) const;
  std::map<Outcome, int> Outcomes() const;
  // Failures of one signature in a row, ending with the last attempt.
  int SignatureStreak() const { return streak_; }
  const std::string& streak_signature() const { return streak_signature_; }
  // Nodes that failed by environment errors since the last resume.
  const std::vector<AttemptId>& deferred() const { return deferred_; }
  const std::set<std::string>& approved() const { return approved_; }
  const std::optional<Paused>& paused() const { return paused_; }
  const std::optional<Final>& final() const { return final_; }
  const std::optional<Stopped>& stopped() const { return stopped_; }
  const std::vector<Noted>& notes() const { return notes_; }
  const std::vector<Exported>& exports() const { return exports_; }
  std::vector<Sampled> samples_of(AttemptId node) const;

 private:
  friend class StateFold;
  // (kept by the owner of this room; see state.cc)
  std::unique_ptr<spec::Spec> spec_;
  std::string run_;
  ObjectId base_;
  Started start_;
  WallTime started_at_, last_at_;
  std::int64_t last_seq_ = 0;
  SolutionTree tree_;
  std::unique_ptr<Measurements> measurements_;
  std::vector<ChainState> chains_;
  std::unordered_map<AttemptId, AttemptInfo> infos_;
  std::unordered_map<AttemptId, std::vector<Sampled>> samples_;
  AttemptId next_attempt_{1};
  std::set<AttemptId> open_;
  std::vector<AttemptId> finished_;
  std::map<Outcome, int> outcomes_;
  int streak_ = 0;
  std::string streak_signature_;
  std::vector<AttemptId> deferred_;
  std::set<std::string> approved_;
  std::optional<Paused> paused_;
  std::optional<Final> final_;
  std::optional<Stopped> stopped_;
  std::vector<Noted> notes_;
  std::vector<Exported> exports_;
  double usd_ = 0, reserved_ = 0;
  std::int64_t tokens_ = 0;
  double evaluation_seconds_ = 0;
  int sample_count_ = 0;
  int since_best_ = 0;
};

}  // namespace coppice::search
