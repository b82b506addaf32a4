#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/task.h"
#include "eval/slurm_cluster.h"
#include "eval/slurm_files.h"

namespace coppice::eval {

inline constexpr std::string_view kVanished = "VANISHED";
inline constexpr std::string_view kRequeued = "REQUEUED";

// One worker on the cluster, from its order to its end.
struct SlurmJob {
  SlurmJob(asio::any_io_executor executor, std::string name)
      : key(std::move(name)), news(executor) {}

  const std::string key;  // its name among the files
  int batch = 0;
  std::string task;   // "12_3", once Slurm has taken it
  std::string state;  // as squeue saw it last
  std::string reason;
  std::string node;
  // The state it ended in, or one of kVanished, kRequeued; empty: it lives.
  std::string end;
  std::optional<Instant> ended;
  std::optional<Instant> submitted;
  std::optional<Instant> spoke;  // when its first answer was seen
  std::optional<Error> refused;
  bool cancelled = false;      // by us
  bool step = false;           // of an allocation, not a job of its own
  std::string output;          // of a step: what its srun said
  std::function<void()> stop;  // of a step that an srun of ours stands for
  std::set<std::string, std::less<>> arrived;  // answers
  Signal news;
};
using SlurmJobPtr = std::shared_ptr<SlurmJob>;

// All workers of one run. What is to be started in the same moment goes to
// Slurm as one array; one look at the answers and one squeue serve all of them.
// Conductor thread. Outlives whoever waits in it.
class SlurmPool {
 public:
  struct Parts {
    asio::any_io_executor executor;
    Clock& clock;
    SlurmCluster& cluster;
    SlurmFiles files;
    std::string program;  // coppice as the nodes see it
    int at_once = 1;      // workers that an allocation has room for
    // After this time without a sign of life an allocation ends.
    std::chrono::seconds silence = kSilence;
    // A job got its number, which should be on record before it matters.
    std::function<void(const SlurmJob&)> submitted;
    // The cluster does not answer or the shared directory is full, and why; or
    // all is well again (nothing).
    std::function<void(std::optional<std::string>)> outage;
  };
  explicit SlurmPool(Parts parts) : parts_(std::move(parts)) {}

  // A name that no job of this run has had.
  Result<std::string> NewKey(std::string_view stem);
  // Starts a worker on the order in its directory; returns when Slurm has it.
  // Errors: kCheck, it will not take it; kLost, cancelled.
  Task<Result<SlurmJobPtr>> Start(std::string key);
  // A worker that an earlier process has started; nothing if Slurm does not
  // know it and no answer of it is there.
  Task<SlurmJobPtr> Adopt(std::string key);
  // True when the answer is there; false if there will be none.
  Task<bool> Wait(SlurmJobPtr job, std::string word);
  // Nothing more is wanted of it; its files go.
  void Release(SlurmJob& job);
  // Ends these jobs of an earlier process.
  Task<void> Abandon(std::vector<std::string> keys);
  // Ends the jobs whose names begin so; who waits for them gets nothing more.
  void Cancel(std::string_view prefix);
  // Whoever waits gets nothing more; the jobs are ended.
  void CancelAll();
  // Returns when something can be written to the shared directory again. False:
  // that was never otherwise, or it is cancelled.
  Task<bool> WaitForRoom();
  // Lets go of the cores that an allocation holds.
  void ReleaseAllocation();
  bool cancelled() const { return cancelled_; }

 private:
  class Waiter;
  Task<void> Watch();
  Task<void> Poll();
  Task<void> SubmitWaiting();
  Task<void> SubmitBatch(std::vector<SlurmJobPtr> jobs);
  Task<Result<std::string>> SubmitOnce(const SlurmSubmission& submission);
  Task<Result<std::string>> FindBatch(int batch);
  Task<void> EndJobs(std::vector<std::string> tasks);
  bool Look();
  void Ended(const SlurmJobPtr& job, std::string state);
  // Takes in what squeue said when it was asked at that time.
  Task<void> See(std::vector<SlurmTask> tasks, Instant asked);
  void SeeTask(const SlurmJobPtr& job, const SlurmTask& task, Instant asked);
  Task<void> SeeForgotten(std::vector<SlurmJobPtr> jobs);
  std::filesystem::path HeldFile() const;
  Task<Result<std::string>> Allocation();
  Task<void> StartSteps(std::vector<SlurmJobPtr> jobs);
  Task<void> RunStep(SlurmJobPtr job, std::string allocation);
  Task<SlurmJobPtr> AdoptStep(std::string key);
  Task<void> SeeSteps();
  void NoteOutage(std::optional<std::string> why);
  void NoteRoom(std::optional<std::string> why);
  void TellTrouble();
  std::vector<std::string> BatchKeys(int batch) const;
  int NextBatch();
  void CountTries();
  std::string Script(int batch) const;
  static std::string BatchComment(int batch);

  Parts parts_;
  std::map<std::string, std::weak_ptr<SlurmJob>, std::less<>> jobs_;
  std::deque<SlurmJobPtr> waiting_;  // to be submitted
  std::vector<std::weak_ptr<SlurmJob>> ended_;
  bool submitting_ = false;
  bool watching_ = false;
  bool polling_ = false;
  bool cancelled_ = false;
  std::optional<std::string> outage_;   // Slurm does not answer
  std::optional<std::string> no_room_;  // in the shared directory
  bool in_trouble_ = false;             // told
  int waiters_ = 0;
  int failed_polls_ = 0;  // in a row
  int next_batch_ = 0;
  std::map<std::string, int, std::less<>> tries_;  // of a stem
  bool knows_tries_ = false;                       // those of earlier processes
};

}  // namespace coppice::eval
