#pragma once

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

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
// Can this machine contain? A MESSAGE says why not.
bool HaveBwrap();

// Processes on this machine whose command line holds `text`.
int CountProcesses(std::string_view text);

}  // namespace coppice::eval
