#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/run_reader.h"
#include "app/workbench.h"
#include "eval/evaluator.h"

namespace coppice::app {

// Where the commits of an export are built, checked and measured: the
// evaluation of the run, with logs beside it. It has the store of `run` while
// it lives.
class ExportBench {
 public:
  // `base`: what slots are built from, and whose immutable files hold.
  static Result<std::unique_ptr<ExportBench>> Make(const Global& global,
                                                   ReadRun& run, ObjectId base);
  ~ExportBench();

  Workbench& bench() { return *bench_; }
  vcs::Store& store() { return *project_.store; }
  const search::State& state() const { return *run_.state; }
  const std::filesystem::path& directory() const { return directory_; }

  // Runs `task` to its end; SIGINT and SIGTERM end its commands.
  void Run(Task<void> task);
  // The signal that did, or 0.
  int interrupted() const { return interrupted_; }

 private:
  explicit ExportBench(ReadRun& run) : run_(run) {}

  ReadRun& run_;
  std::filesystem::path directory_;
  Project project_;
  std::unique_ptr<Workbench> bench_;
  int interrupted_ = 0;
};

// A tree made ready, and what it measured so far.
struct Contestant {
  std::unique_ptr<eval::Session> session;
  std::optional<eval::Failure> failure;
  std::vector<double> scores;
  std::map<std::string, std::vector<double>> numbers;
};
// kClean: a checkout of its own, nothing built before.
enum class Checkout { kSlot, kClean };
Task<Contestant> OpenContestant(ExportBench& bench, AttemptId attempt,
                                ObjectId commit, Checkout checkout);
// One fresh sample more; a failure ends its session.
Task<void> Sample(ExportBench& bench, Contestant& contestant,
                  SamplePhase phase);
// Fresh samples of both in turns, who goes first alternating, until both have
// `count`, one has failed, or `enough` says so after a pair.
Task<void> SampleInTurns(ExportBench& bench, Contestant& a, Contestant& b,
                         int count, SamplePhase phase,
                         std::function<bool()> enough = nullptr);

double ScoreOf(const search::State& state, const Contestant& contestant);
// A gate or guard of the spec that its samples fail, in words.
std::optional<std::string> FailedRule(const search::State& state,
                                      const Contestant& contestant);

}  // namespace coppice::app
