#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "base/sandbox.h"

namespace coppice::testing {

// Runs commands for real but uncontained, with everything an evaluator asks
// for that containment does not need: variables, binds at their host path,
// streaming, the deadline, the log. `instead` may answer in place of a
// process: for faults that no command can bring about.
class EvalSandbox final : public Sandbox {
 public:
  Task<CommandResult> Run(const CommandRequest& request) override;
  const Isolation& isolation() const override { return isolation_; }
  void CancelAll() override { cancelled_ = true; }

  std::vector<CommandRequest> requests;  // every one, in order
  std::function<std::optional<CommandResult>(const CommandRequest&)> instead;

 private:
  Isolation isolation_{.level = 0, .name = "L0", .lines = {}};
  bool cancelled_ = false;
};

}  // namespace coppice::testing
