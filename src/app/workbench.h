#pragma once

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/judged_evaluator.h"
#include "app/models.h"
#include "app/project.h"
#include "base/clock.h"
#include "base/compute.h"
#include "base/sandbox.h"
#include "base/workspaces.h"
#include "eval/baseline_lock.h"
#include "eval/evaluator.h"
#include "eval/local_evaluator.h"
#include "llm/make_judge.h"
#include "llm/make_proposer.h"

namespace coppice::app {

class Cluster;

// Everything that runs commands for one project: the conductor's io_context,
// the arena, the sandbox, slots, the evaluator and the proposers. Wired once;
// members are destroyed in reverse.
class Workbench {
 public:
  ~Workbench();
  struct Options {
    std::string run;                      // id, or "check"
    std::filesystem::path run_directory;  // logs
    // Of a baseline measured before; nothing when it is measured here.
    eval::BaselineHabits habits;
    std::map<std::string, std::string> units;
    ModelFlags models;
    std::string require_isolation;  // Global::require_isolation
    // Nobody will be asked (a replay).
    bool offline = false;
    // How many evaluations at once a load probe found honest.
    eval::SlotsTried slots;
    // What the base was judged by; nothing when it is judged here.
    std::optional<eval::JudgedBase> judged;
    // Sessions that will be held at once, beyond those of one search: by a
    // load probe, or by the searches of a study.
    int sessions = 0;
  };
  static Result<std::unique_ptr<Workbench>> Make(Project& project,
                                                 Options options);

  asio::io_context& io() { return io_; }
  Clock& clock() { return *clock_; }
  Compute& compute() { return *compute_; }
  Sandbox& sandbox() { return *sandbox_; }
  Workspaces& workspaces() { return *workspaces_; }
  eval::LocalEvaluation& evaluation() { return *evaluation_; }
  eval::Evaluator& evaluator();
  // Where evaluations run, unless on this machine.
  Cluster* cluster() { return cluster_.get(); }
  // What was learned while the base was measured.
  const eval::BaselineHabits& habits() const;
  const std::map<std::string, std::string>& units() const;
  // The same for another run, which has logs of its own. Must not outlive the
  // workbench.
  struct Evaluation {
    std::unique_ptr<eval::LocalEvaluation> evaluation;
    std::unique_ptr<eval::Evaluator> evaluator;
  };
  Evaluation EvaluationFor(std::string run, std::filesystem::path directory);
  // The same with a judge's numbers in its samples, where the spec has one;
  // for use outside a search. kKnown: equal outputs are judged once.
  enum class Judging { kFresh, kKnown };
  eval::Evaluator& judged(Judging judging);
  llm::Judge* judge() { return judge_.judge.get(); }
  const std::string& judge_description() const { return judge_.description; }
  // What judging has come to outside a search; none without a judge.
  const PreflightCalls* judge_calls() const { return judge_calls_.get(); }
  const std::vector<llm::NamedProposer>& proposers() const {
    return proposers_;
  }
  // Those of another spec of this project, over the same connections.
  Result<std::vector<llm::NamedProposer>> ProposersOf(Project& project,
                                                      const spec::Spec& spec);
  ModelService& models() { return *models_; }
  // Ends every command and every call to a model at once.
  void CancelAll();
  // Of what measures: with the tree the key of the cache.
  const std::string& measuring_digest() const { return measuring_digest_; }
  const eval::EnvironmentFacts& environment() const { return environment_; }
  int evaluations() const { return evaluations_; }
  int open_sessions() const { return open_sessions_; }
  const Isolation& isolation() const { return sandbox_->isolation(); }
  // Do slots hold only what differs from one built checkout of the base?
  bool overlay() const { return overlay_; }

  // Runs `task` on the conductor to its end. SIGINT and SIGTERM are given to
  // `on_signal` with how many came before.
  using OnSignal = std::function<void(int signal, int before)>;
  void Run(Task<void> task, OnSignal on_signal);

 private:
  Workbench();
  Result<void> MakeSlots(Project& project, int sessions);
  Result<void> MakeCluster(Project& project, const Options& options,
                           eval::Variables passed);
  Result<void> MakeArms(Project& project, const ModelFlags& flags,
                        bool offline);
  llm::ProposerParts PartsOf(Project& project, bool offline);
  Result<void> MakeJudge(Project& project, const llm::ProposerParts& parts);

  asio::io_context io_{1};
  std::unique_ptr<Clock> clock_;
  std::unique_ptr<Compute> compute_;
  std::unique_ptr<Sandbox> sandbox_;
  std::unique_ptr<eval::NamedLocks> locks_;
  std::optional<eval::LocalSetup> setup_;
  std::unique_ptr<eval::LocalEvaluation> evaluation_;
  std::unique_ptr<Workspaces> workspaces_;
  std::unique_ptr<eval::Evaluator> evaluator_;
  std::unique_ptr<Cluster> cluster_;
  std::unique_ptr<ModelService> models_;
  std::vector<llm::NamedProposer> proposers_;
  llm::Draws drawn_;  // until the judge has them
  llm::MadeJudge judge_;
  std::unique_ptr<PreflightCalls> judge_calls_;
  std::unique_ptr<eval::Evaluator> judged_fresh_, judged_known_;
  std::string measuring_digest_;
  eval::EnvironmentFacts environment_;
  int evaluations_ = 1;
  int open_sessions_ = 2;
  bool overlay_ = false;
};

}  // namespace coppice::app
