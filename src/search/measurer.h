#pragma once

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/task.h"
#include "eval/evaluator.h"
#include "search/cache.h"
#include "search/company.h"
#include "search/event.h"
#include "search/judging.h"
#include "search/state.h"

namespace coppice::search {

// What a failure of the base says to a person: the reason, the last line that
// was printed, the log.
std::string Described(const eval::Failure& failure);

// From a commit to an outcome: open -> screen -> (turn) -> fresh pairs ->
// decision, every sample recorded before it counts. What is on record already
// is used and not measured again, so a resumed node goes on where it was.
// Conductor thread. Everything referred to must outlive it.
class Measurer {
 public:
  struct Parts {
    asio::any_io_executor executor;
    eval::Evaluator& evaluator;
    const State& state;
    MeasurementCache* cache = nullptr;  // of other runs; may be none
    Judging* judging = nullptr;         // where the spec has a judge
    int evaluations = 1;                // nodes measured at once
    int open_sessions = 2;              // slots that may be held at once
    std::function<void(Event)> record;
    // Our own fault, or the machine's: the run must pause.
    std::function<void(std::string cause, std::string detail)> pause;
    Company* company = nullptr;  // of a study's searches
  };
  explicit Measurer(Parts parts);

  // Ends with a recorded outcome, or without one if the run pauses or stops.
  Task<void> Evaluate(AttemptId attempt);
  // One sample of the base, every 25 measured nodes; notes drift.
  Task<void> Canary();
  // Three nodes failed by the environment: is it the machine, or is it them?
  Task<void> CheckEnvironment();
  // The final: races the best nodes against the baseline with at most `budget`
  // samples and records `final`.
  Task<void> Race(int budget);

  // Further fresh samples of nodes (attempt 0 = the base), in turns, so that
  // drift meets all alike; kConfirm or kHoldout. One that fails is out.
  Task<void> Remeasure(std::vector<AttemptId> nodes, int samples,
                       SamplePhase phase);

  // One such sample; slots stay open until the next Rest.
  enum class Taken { kYes, kFailed, kNone };
  Task<Taken> Again(AttemptId node, SamplePhase phase);
  void Rest() { held_.clear(); }

  // Nodes that wait for a slot stay as they are; those under way go on.
  void Hold() { held_back_ = true; }
  // From now on nothing more is measured or recorded.
  void Abandon() { abandoned_ = true; }

 private:
  struct Held {
    AttemptId attempt;
    std::unique_ptr<eval::Session> session;
  };

  Task<eval::Session*> SessionOf(AttemptId attempt, std::size_t limit);
  Task<std::optional<eval::Sample>> MeasureHeld(AttemptId attempt,
                                                std::size_t limit,
                                                eval::SampleRequest request);
  // A sample of a node, judged where the spec has a judge. Nothing: it was
  // lost, and the run pauses, or there must be no further one.
  Task<std::optional<eval::Sample>> Take(eval::Session& session,
                                         AttemptId attempt,
                                         eval::SampleRequest request);
  Task<bool> Screen(AttemptId attempt, eval::Opened& opened);
  Task<bool> Open(AttemptId attempt, eval::Opened& opened, bool clean = false);
  Task<bool> Pair(AttemptId attempt, AttemptId best, SamplePhase phase,
                  bool candidate_first, eval::Opened& opened);
  Task<bool> Sample(AttemptId attempt, AttemptId versus, SamplePhase phase,
                    eval::Opened& opened);
  Task<bool> SampleBest(AttemptId best, AttemptId versus, SamplePhase phase);
  Task<void> Diagnose(AttemptId attempt, eval::Opened& opened);
  Task<bool> RaceHoldout(AttemptId winner);
  bool UseKnownSample(AttemptId attempt);
  Contest MakeContest(AttemptId attempt, AttemptId best) const;
  AttemptId ChainBest(AttemptId attempt) const;
  int NextIndex(AttemptId node, SamplePhase phase) const;
  void Fail(AttemptId attempt, const eval::Failure& failure,
            const eval::PhaseSeconds& seconds);
  void Conclude(AttemptId attempt, const Decision& decision,
                const eval::PhaseSeconds& seconds);
  std::vector<AttemptId> ChooseRacers() const;
  std::vector<Racer> Racers() const;

  Parts parts_;
  Semaphore slots_;       // one permit a node under evaluation
  Semaphore contenders_;  // one contest at a time, in the order of arrival
  std::list<Held> held_;  // most recently used first
  std::optional<double> undrifted_;  // what canaries are compared with
  int drifted_ = 0;                  // canaries in a row beyond 10 %
  bool held_back_ = false;
  bool abandoned_ = false;
};

}  // namespace coppice::search
