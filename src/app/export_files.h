#pragma once

#include <string>
#include <vector>

#include "app/export_branches.h"
#include "base/process.h"
#include "base/result.h"

namespace coppice::app {

// Runs a program of the user's to its end, with the user's environment. An
// error if it cannot be started.
Result<ProcessOutput> RunProgram(std::vector<std::string> argv,
                                 ToolOptions options);

// The commits as a mailbox that `git am` takes, or as a bundle that `git
// fetch` takes, instead of a branch. The file appears whole or not at all.
Result<void> WritePatchFile(ExportWork& work, const std::string& file);
Result<void> WriteBundle(ExportWork& work, const std::string& file);

}  // namespace coppice::app
