#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "vcs/store.h"

namespace coppice::vcs {

// Our store as any git sees it: what lies on disk, read and compared by git's
// own means, nothing that is only in memory. For who checks what the store
// wrote. Blocking; one thread.
class PlainGit {
 public:
  virtual ~PlainGit() = default;

  // The bytes of a commit; nothing: there is none of that id.
  virtual Result<std::optional<std::string>> Commit(ObjectId id) = 0;
  // Files that differ, with their texts.
  struct Difference {
    std::string path;
    std::optional<std::string> before, after;
  };
  // kNotFound: an object of one of them is not there.
  virtual Result<std::vector<Difference>> Changes(ObjectId from,
                                                  ObjectId to) = 0;
  // The commit that a ref names; nothing: there is no such ref.
  virtual Result<std::optional<ObjectId>> Ref(std::string_view name) = 0;
};

Result<std::unique_ptr<PlainGit>> OpenPlainGit(const RepositoryPlaces& places);

}  // namespace coppice::vcs
