#pragma once

#include <vector>

#include "base/sandbox.h"

namespace coppice::testing {

// Runs commands in the tree itself, uncontained: for tests of rooms that do
// not know the real sandboxes. Keeps what it was asked; loses the next
// `lose_next` commands instead of running them.
class PlainSandbox final : public Sandbox {
 public:
  Task<CommandResult> Run(const CommandRequest& request) override;
  const Isolation& isolation() const override { return isolation_; }
  // Commands from now on are lost (cancelled); those under way end first.
  void CancelAll() override { cancelled_ = true; }

  std::vector<CommandRequest> requests;
  int lose_next = 0;

 private:
  Isolation isolation_{.level = 0, .name = "L0", .lines = {"no containment"}};
  bool cancelled_ = false;
};

}  // namespace coppice::testing
