#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/patch.h"
#include "base/result.h"
#include "vcs/git.h"

// Trees of git by their ids, without index or work tree. Costs follow what
// differs, not what there is.

namespace coppice::vcs {

// What a path holds: a blob (file or link), a submodule, or nothing (mode 0).
struct TreeItem {
  std::uint16_t mode = 0;
  git_oid id{};

  bool exists() const { return mode != 0; }
  bool regular() const {
    return mode == GIT_FILEMODE_BLOB || mode == GIT_FILEMODE_BLOB_EXECUTABLE;
  }
  friend bool operator==(const TreeItem& a, const TreeItem& b) {
    return a.mode == b.mode && git_oid_equal(&a.id, &b.id);
  }
};

// A path that becomes `item`; what does not exist is removed.
struct TreeEdit {
  std::string path;
  TreeItem item;
};

struct TreeDifference {
  std::string path;
  TreeItem before;
  TreeItem after;
};

// Of a commit, or the tree itself. kNotFound.
Result<git_oid> TreeIdOf(git_repository* repository, ObjectId commit);
// Sorted by path. `from` may be nullptr: the empty tree.
Result<std::vector<TreeDifference>> DiffTrees(git_repository* repository,
                                              const git_oid* from,
                                              const git_oid* to);
// Does not exist if there is nothing, or a directory.
Result<TreeItem> Find(git_repository* repository, const git_oid& tree,
                      const std::string& path);
Result<std::string> ReadBlobText(git_repository* repository, const git_oid& id);

// The tree with these edits, whose paths differ. Directories that become empty
// go, as in git. A file where a directory still stands, or the other way
// round, is an error (kConflict).
Result<git_oid> EditTree(git_repository* repository, const git_oid& tree,
                         std::span<const TreeEdit> edits);

// Checks and writes the content of `changes` as blobs. kUsage for a path that
// is not safe, leads through a link or names a link or submodule.
Result<std::vector<TreeEdit>> EditsOf(git_repository* repository,
                                      const git_oid& tree,
                                      std::span<const FileChange> changes);

}  // namespace coppice::vcs
