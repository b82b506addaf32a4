#pragma once

#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "vcs/git.h"
#include "vcs/store.h"

namespace coppice::vcs {

// What is asked of the user's own repository, and the one kind of ref it gets.
// Any thread. The index is read and never refreshed.
class UserRepository {
 public:
  explicit UserRepository(RepositoryPlaces places);

  const RepositoryPlaces& places() const { return places_; }
  // A handle of its own, with the user's configuration.
  Result<GitRepository> Open() const;

  Result<ObjectId> Resolve(std::string_view revision) const;
  Result<std::vector<std::string>> DirtyFiles(
      ObjectId commit, std::span<const std::string> files) const;
  Result<bool> Ignored(std::string_view path);
  Result<void> SetRef(const std::string& name, ObjectId commit) const;
  Result<void> RemoveRef(const std::string& name) const;

 private:
  const RepositoryPlaces places_;
  std::mutex mutex_;          // protects what follows
  GitRepository for_ignore_;  // keeps the rules it has read
};

// Points `name` at an object, or takes it away; nothing there is fine.
Result<void> SetReference(git_repository* repository, const std::string& name,
                          ObjectId target);
Result<void> RemoveReference(git_repository* repository,
                             const std::string& name);

}  // namespace coppice::vcs
