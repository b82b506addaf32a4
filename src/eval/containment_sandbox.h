#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <vector>

#include "base/clock.h"
#include "eval/cgroup.h"
#include "eval/containment.h"
#include "eval/containment_command.h"
#include "eval/containment_places.h"
#include "eval/launcher.h"

namespace coppice::eval {

// The sandbox that MakeSandbox makes, of parts that were found to work.
class LocalSandbox final : public Sandbox {
 public:
  LocalSandbox(SandboxOptions options, LaunchBase base,
               PrivateDirectory scratch, ControlGroups groups);

  Task<CommandResult> Run(const CommandRequest& request) override;
  const Isolation& isolation() const override { return isolation_; }
  void CancelAll() override {
    for (RunningCommand* command : running_) command->End(Stop::kCancelled);
  }

 private:
  void Describe();
  bool contained() const { return !base_.bwrap.empty(); }
  double CpuLimit(const CommandRequest& request) const;
  std::vector<DiskRoot> DiskRoots(const CommandRequest& request,
                                  const PrivateHomes* homes) const;
  CommandWatch WatchOf(const CommandRequest& request,
                       const PrivateHomes* homes) const;
  Task<void> LookForRoom(const CommandRequest& request, CommandWatch watch,
                         Evidence& evidence);

  SandboxOptions options_;
  const LaunchBase base_;
  const PrivateDirectory scratch_;
  ControlGroups groups_;
  const std::unique_ptr<Clock> clock_ = MakeRealClock();
  const std::unique_ptr<Compute> in_place_ = MakeInlineCompute();
  Isolation isolation_;
  std::uint64_t started_ = 0;
  std::set<RunningCommand*> running_;
};

// ABI of Landlock here; 0: none.
int LandlockVersion();

}  // namespace coppice::eval
