#pragma once

#include <filesystem>
#include <string>

#include "app/cluster_wire.h"
#include "app/project.h"
#include "base/clock.h"
#include "base/result.h"
#include "eval/slurm_files.h"

// Where a worker on a node finds what it is to do, and where it does it.

namespace coppice::app {

struct WorkerPlace {
  eval::SlurmFiles files;
  std::string key;
  bool step = false;              // of an allocation, not a job of its own
  std::filesystem::path job_dir;  // shared
  Order order;
  CommonOrder common;
  // On the node: what lives as long as the worker, and what all share.
  std::filesystem::path scratch_dir;
  std::filesystem::path shared_scratch;
  std::filesystem::path run_directory;  // logs
};

// The order of this task of the array. Sets the variables that depend on it:
// caches go to the node's scratch.
Result<WorkerPlace> FindWorkerPlace(const std::string& run_dir, int batch);

// Says which node this is. kBusy: the job runs for a second time.
Result<void> SayHello(const WorkerPlace& place, Clock& clock);

// The project of a run on a node: a repository with the base and one commit.
Result<Project> OpenCarriedProject(const WorkerPlace& place);

// Removes a directory at the end.
class ScratchDirectory {
 public:
  explicit ScratchDirectory(std::filesystem::path path)
      : path_(std::move(path)) {}
  ~ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

 private:
  const std::filesystem::path path_;
};

}  // namespace coppice::app
