#pragma once

#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/sandbox.h"
#include "eval/containment.h"
#include "support/temp_dir.h"

namespace coppice::eval {

// A tree on disk, a sandbox over it and a conductor to run commands on.
class ContainmentWorld {
 public:
  explicit ContainmentWorld(SandboxMode mode, SandboxOptions options = {});
  ~ContainmentWorld();

  Sandbox& sandbox() { return *sandbox_; }
  const std::filesystem::path& directory() const { return directory_.path(); }
  std::filesystem::path tree() const { return directory_ / "tree"; }
  // The fixture program, as a command inside finds it.
  std::string Hostile(std::string_view words) const;

  // A command in the tree with a timeout of 20 s.
  CommandRequest Request(std::string command) const;
  CommandResult Run(const CommandRequest& request);
  CommandResult Run(std::string command);
  // Runs them all at once.
  std::vector<CommandResult> RunTogether(
      const std::vector<CommandRequest>& requests);
  // Runs it, and calls `then` after the delay.
  CommandResult RunAnd(const CommandRequest& request,
                       std::chrono::milliseconds delay,
                       std::function<void()> then);

 private:
  testing::TempDir directory_;
  asio::io_context io_;
  std::unique_ptr<Sandbox> sandbox_;
};

// Calls `test` for bwrap and for none; says loudly where bwrap cannot work.
void ForEachMode(const std::function<void(SandboxMode)>& test);
// The same with control groups and without: L1, L2/v1 or L3, L2/rlimit.
void ForEachLevel(const std::function<void(SandboxMode, SandboxOptions)>& test);
// Says that a row of the table of failures needs a higher level.
void NotApplicable(std::string_view row, std::string_view level);
// Can this machine contain? A MESSAGE says why not.
bool HaveBwrap();

// Has the sandbox control groups with limits?
bool CountsGroups(Sandbox& sandbox);
// Can a tree that forks faster than it is killed be ended at all?
bool KillsGroups(Sandbox& sandbox);
// Control groups of a process, by default this one.
int CountGroups(pid_t pid = getpid());
// Those of a process that was and is no more, whoever has its id now.
int CountDeadGroups(pid_t pid);

// Has the sandbox found what this says?
bool HasLine(Sandbox& sandbox, std::string_view text);
// Memory of this process.
std::int64_t ResidentKb();

// Processes on this machine whose command line holds `text`.
int CountProcesses(std::string_view text);

}  // namespace coppice::eval
