#pragma once

namespace coppice::app {

// The command line; only this room's cli.cc knows CLI11. Returns the exit
// code.
int Main(int argc, char** argv);

}  // namespace coppice::app
