#pragma once

#include <string>

#include "app/baseline.h"

namespace coppice::app {

// What the first draft of a run would be asked, exactly; empty if no proposer
// reads a prompt. Blocks on disk.
Result<std::string> FirstPrompt(Project& project, Workbench& bench,
                                const Baseline& baseline);

}  // namespace coppice::app
