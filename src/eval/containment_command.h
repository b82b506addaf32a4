#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/compute.h"
#include "base/process.h"
#include "base/sandbox.h"
#include "eval/capture.h"
#include "eval/containment_verdict.h"
#include "eval/disk_usage.h"
#include "eval/launcher.h"

namespace coppice::eval {

// What is looked at while a command runs, and how far it may go.
struct CommandWatch {
  Clock& clock;
  Compute& compute;
  std::chrono::milliseconds grace;       // from SIGTERM to SIGKILL
  std::chrono::milliseconds disk_every;  // from one look to the next
  double cpu_seconds = 0;                // of the whole group
  std::vector<DiskRoot> roots;
  DiskUse disk;
};

// One command under way, from its start to what is known of its end. Lives in
// the frame of Sandbox::Run; conductor thread only.
class RunningCommand {
 public:
  RunningCommand(const CommandRequest& request, CommandWatch watch);

  // Starts the helper on `plan` and returns when nothing of the command is
  // left, or nothing more can be done about it. An error: it did not start.
  Task<Result<void>> Run(const LaunchBase& base, std::string plan,
                         ControlGroup* group);
  // Ends it at once, with this as the reason; the first reason stands unless
  // the later one is kCancelled.
  void End(Stop stop);

  // After Run; the second takes what was captured.
  Evidence Found() const;
  CommandResult TakeResult();
  // CPU time of all its processes that somebody waited for, ours included.
  double WaitedCpuSeconds() const;

 private:
  Result<void> Start(const LaunchBase& base, std::string_view plan,
                     asio::any_io_executor executor);
  void OnOutput(OutputStream stream, std::string_view bytes);
  Task<bool> WaitForEnd(ControlGroup* group);
  Task<void> LookAtDisk(Instant& next);
  Task<void> EndTree(ControlGroup* group);
  void Tell(char order);
  // What the helper has said so far.
  void ReadNews();
  // When the time of the command is over, as far as is known now.
  Instant Deadline(Instant launched);

  const CommandRequest& request_;
  const CommandWatch watch_;
  const std::uint64_t output_limit_;
  std::unique_ptr<Process> process_;
  UniqueFd control_;
  EndsKeeper out_;
  EndsKeeper err_;
  BoundedLog log_;
  Stop stop_ = Stop::kNone;
  bool deaf_ = false;  // nothing may cut the waits short any more
  bool survivors_ = false;
  std::array<char, sizeof(protocol::Begun) + sizeof(protocol::Record)> news_;
  std::size_t news_size_ = 0;
  std::optional<protocol::Begun> begun_;
  std::optional<protocol::Record> record_;
};

}  // namespace coppice::eval
