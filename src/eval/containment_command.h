#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/process.h"
#include "base/sandbox.h"
#include "eval/capture.h"
#include "eval/containment_verdict.h"
#include "eval/launcher.h"

namespace coppice::eval {

// One command under way, from its start to what is known of its end. Lives in
// the frame of Sandbox::Run; conductor thread only.
class RunningCommand {
 public:
  RunningCommand(const CommandRequest& request,
                 std::chrono::milliseconds grace);

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

 private:
  Result<void> Start(const LaunchBase& base, std::string_view plan,
                     asio::any_io_executor executor);
  void OnOutput(OutputStream stream, std::string_view bytes);
  Task<void> EndTree(ControlGroup* group);
  void Tell(char order);
  void ReadRecord();

  const CommandRequest& request_;
  const std::chrono::milliseconds grace_;
  const std::uint64_t output_limit_;
  std::unique_ptr<Process> process_;
  UniqueFd control_;
  EndsKeeper out_;
  EndsKeeper err_;
  BoundedLog log_;
  Stop stop_ = Stop::kNone;
  bool deaf_ = false;  // nothing may cut the waits short any more
  bool survivors_ = false;
  std::optional<protocol::Record> record_;
};

}  // namespace coppice::eval
