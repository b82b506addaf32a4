#include "app/overlay_directory.h"

#include <stdlib.h>

namespace coppice::app {

std::filesystem::path OverlayDirectory() {
  const char* named = getenv("COPPICE_OVERLAY_DIR");
  if (named == nullptr || *named != '/') return {};
  return std::filesystem::path(named) / "coppice";
}

}  // namespace coppice::app
