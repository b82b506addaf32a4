#pragma once

#include <string>
#include <vector>

#include "app/preflight.h"

// What a preflight tells people: one fact a line.

namespace coppice::app {

enum class Detail { kBrief, kFull };  // kFull: what the sandbox can do, too

std::vector<std::string> FindingsOf(const Preflight& preflight,
                                    const Workbench& bench, Detail detail);
// What makes the measurement weak (SET-13), with the key to set.
std::vector<std::string> WarningsOf(const Preflight& preflight,
                                    const Workbench& bench);
// What would make it stronger.
std::vector<std::string> HintsOf(const spec::Spec& spec);

// kCheck if the slots of this run would not leave room for its journal.
Result<void> RefuseFullDisk(const Preflight& preflight, const Workbench& bench);

}  // namespace coppice::app
