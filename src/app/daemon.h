#pragma once

#include <filesystem>
#include <string>

#include "app/console.h"

// --daemon (RUN-12): the program starts itself anew in a session of its own
// and waits until that one has a run. Until then the new process says what it
// has to say on the terminal, and its failure is the command's; then the
// terminal has the run's name and the process writes to coppice.log.

namespace coppice::app {

// Is this process the one in the background, not yet announced? First call at
// the start of main: takes the marks of it out of the environment.
bool BornDaemon();
// The command that was given, again, in the background: returns when it has
// announced its run, or has ended without one; the exit code.
int StartDaemon(const Global& global);
// In the background: the run exists. Nothing is written to the terminal after.
// No effect in the foreground.
Result<void> AnnounceDaemon(const std::string& run,
                            const std::filesystem::path& directory);

}  // namespace coppice::app
