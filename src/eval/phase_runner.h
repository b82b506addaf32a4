#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/compute.h"
#include "base/sandbox.h"
#include "eval/local_evaluator.h"
#include "eval/metrics.h"

namespace coppice::eval {

// One command of one phase, as the specification words it.
struct PhaseCommand {
  EvalPhase phase = EvalPhase::kMeasure;
  std::string command;
  std::chrono::seconds timeout{0};
  bool network = false;
  std::string title;                          // of its section in the log
  SamplePhase sample = SamplePhase::kScreen;  // these two choose the seed
  int index = 0;
  std::function<bool(OutputStream, std::string_view)> on_output;
};

struct PhaseRun {
  CommandResult result;
  HostEvidence host;
  std::optional<ResultFile> file;  // what is at COPPICE_RESULT
};

// The phases before the measurement, in order.
std::vector<PhaseCommand> PreparingCommands(const spec::Spec& spec);
// setup and build of the base.
std::vector<PhaseCommand> ProvisioningCommands(const spec::Spec& spec);
// One run of the measurement command, or of the holdout's.
PhaseCommand MeasuringCommand(const spec::Spec& spec, SampleRequest request);
PhaseCommand DiagnosingCommand(const spec::Spec& spec);

// Turns a PhaseCommand into a contained process with its variables, limits,
// log section and a result channel of its own. Conductor thread.
class PhaseRunner {
 public:
  PhaseRunner(const LocalSetup& setup, Sandbox& sandbox, Compute& compute);

  // `base` is COPPICE_BASE, empty while the base itself is made ready. Errors
  // are kLost.
  Task<Result<PhaseRun>> Run(PhaseCommand command, WorkTree tree,
                             std::filesystem::path base,
                             std::filesystem::path log);

 private:
  CommandRequest RequestOf(const PhaseCommand& command, const WorkTree& tree,
                           const std::filesystem::path& base) const;
  // The locks of one command; kLost if its slot's port is somebody else's.
  Task<Result<HeldLocks>> TakeLocks(EvalPhase phase, int slot) const;

  const LocalSetup& setup_;
  Sandbox& sandbox_;
  Compute& compute_;
  const std::vector<int> cores_;
  std::uint64_t commands_ = 0;
};

}  // namespace coppice::eval
