#pragma once

#include <filesystem>

namespace coppice::app {

// $COPPICE_OVERLAY_DIR/coppice: where the overlay slots of all repositories
// write, for instance on a tmpfs. Empty: in the cache directory.
std::filesystem::path OverlayDirectory();

}  // namespace coppice::app
