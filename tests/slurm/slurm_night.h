#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <string>

#include "slurm/slurm_world.h"

namespace coppice::testing {

// A measurement that waits until the test lets it go on. Without a sandbox it
// may write to /dev/shm.
class Gate {
 public:
  Gate() { std::filesystem::create_directories(dir_); }
  ~Gate() { std::filesystem::remove_all(dir_); }
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  std::string Script() const;
  void Close() const;
  void Open() const;
  // How many measurements have come to the closed gate.
  int Came() const;

 private:
  TempDir name_;
  std::filesystem::path dir_ =
      std::filesystem::path("/dev/shm") / name_.path().filename();
};

// A search of one node on a cluster, whose measurement waits at a gate.
struct Night {
  // `mode` may hold more keys of evaluation.slurm; `furnish` is called before
  // anything runs.
  explicit Night(const std::string& mode = "mode: job",
                 const std::function<void(Night&)>& furnish = nullptr);

  // Starts the search; returns when node 1 is being measured.
  void Begin();
  // The search ends, with node 1 the better one.
  void CheckEnd();
  // The search pauses for the user with these words, and nothing is scored.
  void CheckPause(const std::string& words);
  // Goes on after that.
  void Resume() { search = repo.Start("resume"); }
  // What the search says of itself, in its log.
  bool Logs(const std::string& words);
  // Those submitted for node 1 until its first sample was there, a line each.
  std::string Jobs();
  // Waits for the COUNTth measurement at the gate.
  void AwaitMeasurement(int count);
  // The one that runs: "12_0", and its node.
  std::string RunningJob();
  std::string NodeOfJob();
  bool Scored();
  // How the search paused: "cause: detail", a line each.
  std::string Pauses();

  SlurmWorld slurm;
  TinyRepo repo;
  Gate gate;
  pid_t search = -1;
};

}  // namespace coppice::testing
