#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "app/cluster_wire.h"
#include "app/project.h"
#include "base/clock.h"
#include "base/compute.h"
#include "eval/environment.h"
#include "eval/slurm_evaluator.h"

// `evaluation.backend: slurm`, wired: what the workers need is put into the
// shared directory, and what they say is read.

namespace coppice::app {

struct ClusterParts {
  asio::any_io_executor executor;
  Clock& clock;
  Compute& compute;
  std::string run;
  std::filesystem::path run_directory;
  eval::BaselineHabits habits;
  std::map<std::string, std::string> units;
  eval::Variables passed;
  std::string require_isolation;
  int at_once = 1;     // workers
  std::string digest;  // of what is measured, the copied files among it
};

class Cluster {
 public:
  // Errors: kCheck, the shared directory cannot be used.
  static Result<std::unique_ptr<Cluster>> Make(Project& project,
                                               ClusterParts parts);

  eval::SlurmEvaluator& evaluator() { return *evaluator_; }
  // Learned from the base by whichever worker measured it.
  const eval::BaselineHabits& habits() const { return learned_.habits.habits; }
  const std::map<std::string, std::string>& units() const {
    return learned_.habits.units;
  }
  const BuiltCheckout& checkout() const { return learned_.checkout; }
  // By name, those that have worked here, with their last first words.
  const std::map<std::string, Hello>& nodes() const { return nodes_; }
  // A sign of life for the nodes; called every so often while a search lives.
  void ShowLife() { eval::ShowLife(files_, "search", ++beats_); }
  std::chrono::milliseconds beat() const { return BeatOf(silence_); }
  // By how many seconds a node's clock is wrong for certain: what it said lies
  // outside of the time between its order and its answer.
  double ClockAhead(const std::string& node) const;

 private:
  explicit Cluster(Project& project) : project_(project) {}
  Result<std::string> StageBase() const;
  Result<std::string> StageCopies(const std::string& digest) const;
  Result<void> Prepare(const eval::Target& target,
                       const std::filesystem::path& directory) const;
  Result<void> PutOwner(const ClusterParts& parts,
                        std::set<std::string> needs) const;
  eval::SlurmWire Wire();
  void Learn(const std::optional<Learned>& learned);

  Project& project_;
  eval::SlurmFiles files_;
  std::string common_;  // name of the common order's file
  Learned learned_;
  std::map<std::string, Hello> nodes_;
  std::map<std::string, double> ahead_;
  Clock* clock_ = nullptr;
  WallTime began_;  // before any order
  std::chrono::seconds silence_ = eval::kSilence;
  std::uint64_t beats_ = 0;
  std::unique_ptr<eval::SlurmEvaluator> evaluator_;
};

// What a measurement on this cluster depends on beside the tree: not the
// machine that the search runs on.
eval::EnvironmentFacts ClusterEnvironment(const spec::Slurm& slurm);

// SHARED/coppice
std::filesystem::path ClusterRoot(const spec::Slurm& slurm);
// The program in the shared directory, put there if it is not.
Result<std::string> StageProgram(const std::filesystem::path& root);

}  // namespace coppice::app
