#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>

#include "base/result.h"

// What searches on a cluster leave in the shared directory: `coppice gc`.

namespace coppice::app {

struct SharedGarbage {
  std::string repository;  // id of the one that asks
  // Its runs that stay, and whether each may still use what lies there.
  std::map<std::string, bool> runs;
  bool dry_run = false;
};

// Frees what no run needs below ROOT (ClusterRoot), and says so. Left alone:
// whatever belongs to another account, to a repository whose run is there or on
// another host, to a run that shows life or has jobs. Errors: kIo.
Result<void> FreeShared(const std::filesystem::path& root,
                        const SharedGarbage& garbage);

}  // namespace coppice::app
