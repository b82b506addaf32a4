#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/patch.h"
#include "base/sandbox.h"
#include "base/task.h"
#include "base/workspaces.h"
#include "llm/keys.h"
#include "llm/proposer.h"
#include "spec/spec.h"

namespace coppice::llm {

// What a command or an agent made of its slot, commits of its own included.
struct LeftBehind {
  std::vector<FileChange> changes;   // against the commit of the slot
  std::vector<std::string> refused;  // paths that cannot become part of a
                                     // commit: symlinks, modes, submodules
};
using ReadBack = std::function<Task<Result<LeftBehind>>(const Lease&)>;

// What proposers that run programs need; must outlive them.
struct CommandParts {
  Sandbox& sandbox;
  Workspaces& workspaces;
  ReadBack read_back;
  const Keys& keys = ProcessKeys();  // of the variables that are let through
};

// A program that changes the files of a slot of its own (SPEC §2): the prompt
// on its standard input, a header on its standard output if it likes, with
// COPPICE_ACTIVE, COPPICE_SEED (equal for equal attempts), COPPICE_PARENT and
// COPPICE_OP. Its diff is the proposal. A non-zero exit, a timeout or an empty
// diff is edit_failed. It is recorded as turn 0 of its attempt.
std::unique_ptr<Proposer> MakeCommandProposer(spec::CommandArm arm,
                                              CommandParts parts);

}  // namespace coppice::llm
