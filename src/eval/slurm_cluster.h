#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/task.h"
#include "spec/spec.h"

// Slurm as its own programs show it: sbatch, srun, squeue, scancel.

namespace coppice::eval {

// One job, task of an array, or step, as squeue tells of it.
struct SlurmTask {
  std::string id;     // "12_3"
  std::string state;  // "RUNNING"
  std::string reason;
  std::string node;
  std::string comment;

  friend bool operator==(const SlurmTask&, const SlurmTask&) = default;
};

// A running step of a job.
struct SlurmStep {
  std::string id;  // "12.0"
  std::string name;
};

// What squeue printed in the format of SlurmCluster::Queue, and sacct in that
// of SlurmCluster::Accounted, which knows no comments.
std::vector<SlurmTask> ParseQueue(std::string_view text);
std::vector<SlurmTask> ParseAccounting(std::string_view text);

// Will the job not come to life again?
bool IsOver(std::string_view state);
// Does it wait for a node?
bool IsWaiting(std::string_view state);
// Why a job that waits will never start, as the scheduler says; "" if it may.
std::string NeverStarts(std::string_view reason);

// An array of equal tasks, or one job.
struct SlurmSubmission {
  std::string comment;  // by which it is found again
  std::string script;
  int tasks = 0;                      // of an array; 0: no array
  int at_once = 1;                    // of an allocation: workers side by side
  std::optional<std::string> memory;  // flag instead of slurm.mem
  std::string output;                 // file; %a is the number of the task
};

// Conductor thread. Errors: kLost if Slurm does not answer, which may pass;
// kCheck if it refuses, which will not.
class SlurmCluster {
 public:
  // Everything carries `name`, by which it is found again.
  SlurmCluster(const spec::Slurm& slurm, std::string name)
      : slurm_(slurm), name_(std::move(name)) {}

  // Its number.
  Task<Result<std::string>> Submit(SlurmSubmission submission);
  // All jobs of this name that Slurm still knows, those that are over for some
  // minutes too.
  Task<Result<std::vector<SlurmTask>>> Queue();
  // What accounting remembers of jobs that Slurm itself has forgotten; nothing
  // where there is no accounting.
  Task<std::vector<SlurmTask>> Accounted(std::vector<std::string> ids);
  // The running steps of a job.
  Task<Result<std::vector<SlurmStep>>> Steps(std::string job);
  // Of a job that is over; kNotFound if Slurm has forgotten it.
  Task<Result<int>> ExitCode(std::string job);
  Task<Result<void>> Cancel(std::vector<std::string> ids);
  // A line of its own words: sinfo for the partition.
  Task<Result<std::string>> Describe();

  const spec::Slurm& slurm() const { return slurm_; }

 private:
  const spec::Slurm slurm_;
  const std::string name_;
  bool accounting_ = true;  // until sacct says that there is none
};

// The names of this account's jobs that are not over.
Task<Result<std::set<std::string>>> LiveSlurmJobs();

}  // namespace coppice::eval
