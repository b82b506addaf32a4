#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/simulation.h"
#include "eval/evaluator.h"
#include "llm/proposer.h"
#include "search/search.h"
#include "support/fake_repository.h"

namespace coppice::testing {

// A proposer that answers from a script: what the file "x" becomes, or a
// refusal. Deterministic in the attempt. Its calls are recorded unless it
// redraws.
class ScriptedProposer final : public llm::Proposer {
 public:
  using Answer = std::function<llm::Proposed(const llm::Request&)>;
  explicit ScriptedProposer(Answer answer, bool redraws = false,
                            double seconds = 0)
      : answer_(std::move(answer)), redraws_(redraws), seconds_(seconds) {}

  Task<llm::Proposed> Propose(const llm::Request& request,
                              llm::CallLog& log) override;
  llm::PromptStyle style() const override {
    return redraws_ ? llm::PromptStyle::kNone : reads;
  }
  bool off_after_failures() const override { return is_program; }
  std::optional<Instant> resting_until() const override {
    if (rests_until && *rests_until > clock->Now()) return rests_until;
    return std::nullopt;
  }
  bool Can(Operator op) const override { return op != Operator::kMerge; }
  bool redraws() const override { return redraws_; }

  int calls = 0;
  Clock* clock = nullptr;
  llm::PromptStyle reads = llm::PromptStyle::kInPlace;
  bool is_program = false;
  double reserve_usd = 0;
  double usd = 0;  // what a call costs in the end
  std::optional<Instant> rests_until;

 private:
  Answer answer_;
  bool redraws_;
  double seconds_;
};

// Measures a tree by looking at its text: the number after "value " in each
// file, added up; words in the text make the node fail in their way ("boom":
// buggy, "hang": timeout, "missing": environment error, "check": checks).
// The holdout measures the numbers after "held " if there are some; "unfit"
// fails there alone.
class TextEvaluator final : public eval::Evaluator {
 public:
  TextEvaluator(FakeRepository& repository, Clock& clock)
      : repository_(repository), clock_(clock) {}

  Task<eval::Opened> Open(const eval::Target& target) override;

  double noise = 0;    // σ of Gaussian noise, from the number of the sample
  double seconds = 1;  // a sample takes
  double holdout_scale = 1;  // of a tree that says nothing of its own
  bool environment_broken = false;
  int opened = 0;
  int samples = 0;
  int running = 0;
  int most_running = 0;
  std::function<double(AttemptId)> duration;  // seconds of Open, if set
  // What a sample of a tree of this value shows, if set; else see noise.
  std::function<double(const eval::Target&, const eval::SampleRequest&, double)>
      shows;

 private:
  friend class TextSession;
  FakeRepository& repository_;
  Clock& clock_;
};

// A whole search in virtual time: real Search, State, policies, decision rule;
// fake git, scripted proposer, text evaluator, journal in memory.
class SearchWorld {
 public:
  // `spec_yaml` on top of a minimal spec with the command proposer "script".
  SearchWorld(const std::string& spec_yaml, ScriptedProposer::Answer answer);
  ~SearchWorld();

  // A further arm beside the first; before the first Run.
  struct MoreArm {
    std::string name;
    ScriptedProposer::Answer answer;
    std::string shared;
    bool redraws = false;
    double seconds = 0;
  };
  std::vector<MoreArm> more_arms;
  // Called on every proposer when it is made: "script" and the further ones.
  std::function<void(const std::string&, ScriptedProposer&)> furnish;
  std::function<std::vector<search::Record>(WallTime)> inbox;
  std::function<std::vector<std::string>()> hypotheses;
  // Which disk is too full at a time, in words.
  std::function<std::optional<std::string>(Instant)> full_disk;

  // Makes the search of these records again, on an empty journal.
  Result<void> Replay(const std::vector<search::Record>& source);

  // Runs to the end and returns it. A second call resumes on the same journal.
  search::Ending Run();
  // The same, but the process dies when it wants to append the record after
  // `records` ones: what was not flushed is lost. True if it did die.
  bool RunAndDie(std::size_t records);

  const search::State& state() const { return search_->state(); }
  const search::SolutionTree& tree() const { return state().tree(); }
  // "2<-0 improve improved", one line a node, for comparing whole trees.
  std::string TreeText() const;

  std::vector<search::Record> journal;
  std::unique_ptr<Simulation> simulation;
  FakeRepository repository;
  std::unique_ptr<TextEvaluator> evaluator;
  std::unique_ptr<ScriptedProposer> proposer;
  std::vector<search::Observer> observers;
  std::string arm = "script";
  bool redraws = false;
  double propose_seconds = 0;
  int evaluations = 1;
  std::optional<search::Resumed> resumed;
  std::function<void(search::Search&)> before_run;
  // The search hears its user, and looks after itself, so often.
  std::optional<Duration> heartbeat;
  std::function<void()> give_up;
  ObjectId base;

 private:
  class MortalJournal;
  void Build();

  std::string spec_json_;
  ScriptedProposer::Answer answer_;
  std::unique_ptr<search::Journal> store_;
  std::vector<std::unique_ptr<ScriptedProposer>> others_;
  std::unique_ptr<search::Search> search_;
  std::size_t dies_after_ = SIZE_MAX;
};

// "value 1.5" -> a Proposal that writes it into file x (and `idea`).
llm::Proposed Write(const std::string& text, const std::string& path = "x");
// The number in file x of the request's parent.
double ValueOf(const llm::Request& request);

}  // namespace coppice::testing
