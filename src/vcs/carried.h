#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/ids.h"
#include "base/result.h"
#include "vcs/store.h"

// A repository on another machine, made from packs of Store::WritePack: it
// holds a base and commits on it, no history. Blocking.

namespace coppice::vcs {

struct CarriedPacks {
  std::filesystem::path base;    // of the base, whole
  std::filesystem::path commit;  // of one commit, beside the base; or empty
  // Where the objects of `base` are kept, once for all repositories made here.
  std::filesystem::path kept;
  std::string exclude;  // .git/info/exclude
  std::string id;       // of the repository that they come from
};

// Makes DIR/.git, and beside it the base's own .gitignore files, which say
// what is a build's.
Result<std::unique_ptr<Store>> MakeCarriedStore(
    const std::filesystem::path& dir, const CarriedPacks& packs, ObjectId base);

}  // namespace coppice::vcs
