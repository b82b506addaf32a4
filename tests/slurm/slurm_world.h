#pragma once

#include <functional>
#include <map>
#include <string>

#include "support/cli.h"
#include "support/temp_dir.h"

namespace coppice::testing {

// A real Slurm cluster on this machine: munged, slurmctld and virtual nodes
// n1, n2, ... of its own, ended with the test.
class SlurmWorld {
 public:
  explicit SlurmWorld(int nodes = 2, int cpus = 8);
  ~SlurmWorld();

  // Lets coppice in this repository use it.
  void Join(TinyRepo& repo) const;
  // Keys for a spec: backend, slurm with shared_dir, and `more` of slurm.
  std::string Evaluation(const std::string& command,
                         const std::string& more = "") const;

  // Ends a daemon at once ("ctld", "n1": its jobs too), starts it again.
  void Stop(const std::string& daemon) const;
  void Start(const std::string& daemon) const;
  // The node dies with what runs there.
  void Kill(const std::string& node) const;
  // From now on this node sees another, empty shared directory.
  void Hide(const std::string& node) const;
  // From now on this file is empty on this node.
  void Spoil(const std::string& node, const std::string& file) const;
  // What jobs run from now on has the library loaded.
  void Preload(const std::string& library) const;
  // The controller loses all that it knows of jobs.
  void Forget() const;
  // Slurm's own programs: "squeue -h".
  Ran Slurm(const std::string& command) const;

  std::filesystem::path shared() const { return temp_ / "shared"; }
  std::filesystem::path scratch() const { return temp_ / "scratch"; }

 private:
  void Do(const std::string& what) const;

  TempDir temp_;
};

// Waits for it, for two minutes at most.
bool Eventually(const std::function<bool()>& holds);

}  // namespace coppice::testing
