#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "vcs/repository.h"

namespace coppice::vcs {

// Where a user's repository keeps things. All paths absolute.
struct RepositoryPlaces {
  std::filesystem::path work_dir;    // empty for a bare repository
  std::filesystem::path common_dir;  // <git-common-dir>
  std::string id;                    // of the common directory, 16 hex digits
  bool bare = false;
  bool has_commits = false;
};

// Looks upward from `path`, as git does. kNotFound: no repository.
Result<RepositoryPlaces> FindRepository(const std::filesystem::path& path);

// One file that differs between two trees.
struct TreeChange {
  std::string path;
  std::optional<TreeEntry> before;  // nothing: created
  std::optional<TreeEntry> after;   // nothing: deleted
};

// The user's objects (read only) and our own store beside them:
// <git-common-dir>/coppice/store.git, a bare repository whose alternates are
// the user's objects. Any thread; each thread has its own libgit2 handles.
class Store : public Repository {
 public:
  // Files that differ, sorted by path. Costs what differs, not what there is.
  virtual Result<std::vector<TreeChange>> Changes(ObjectId from,
                                                  ObjectId to) = 0;
  virtual Result<std::string> ReadBlob(ObjectId blob) = 0;
  virtual Result<ObjectId> TreeIdOf(ObjectId commit) = 0;
  virtual Result<std::vector<ObjectId>> ParentsOf(ObjectId commit) = 0;

  // A revision of the user's repository ("HEAD", "main~2", 40 hex digits).
  virtual Result<ObjectId> Resolve(std::string_view revision) = 0;
  // Paths of `files` whose content in the user's work tree differs from
  // `commit`; files staged but not committed count. Writes nothing.
  virtual Result<std::vector<std::string>> DirtyFiles(
      ObjectId commit, std::span<const std::string> files) = 0;
  // git's ignore rules of the user's repository for a path.
  virtual Result<bool> Ignored(std::string_view path) = 0;
  // refs/coppice/<run> in the user's repository: the one ref a run has there,
  // so that the user's gc keeps the base.
  virtual Result<void> PinBase(std::string_view run, ObjectId commit) = 0;
  virtual Result<void> Unpin(std::string_view run) = 0;
  // What PublishBest was last given, by this process.
  virtual std::optional<ObjectId> PublishedBest() const = 0;
  // Drops refs/best/<run> from our store.
  virtual Result<void> UnpublishBest(std::string_view run) = 0;
  // Keeps only what is reachable from `commits`, as one pack.
  virtual Result<void> Repack(std::span<const ObjectId> commits) = 0;

  // Writes a pack with `commit`, without its history: all its objects, or
  // those that the tree of `known` does not have. See object_pack.h.
  virtual Result<void> WritePack(ObjectId commit, std::optional<ObjectId> known,
                                 const std::filesystem::path& file) = 0;

  virtual const RepositoryPlaces& places() const = 0;
};

// Makes our store if there is none yet.
Result<std::unique_ptr<Store>> OpenStore(const RepositoryPlaces& places);

}  // namespace coppice::vcs
