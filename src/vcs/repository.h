#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/patch.h"
#include "base/result.h"

namespace coppice::vcs {

struct TreeEntry {
  std::string path;
  ObjectId blob;
  std::uint64_t size = 0;
  bool symlink = false;
  bool executable = false;
  bool submodule = false;
};

struct CommitRequest {
  std::vector<ObjectId> parents;  // the change applies to the first
  std::vector<FileChange> changes;
  std::string message;
  // Author and committer time, seconds since 1970 UTC. With the parents, the
  // changes and the message it determines the commit's id.
  std::int64_t time = 0;
};

struct CommitInfo {
  ObjectId commit;
  ObjectId tree;
  std::string patch;            // unified diff against the first parent
  std::vector<FileStat> files;  // of that diff, sorted by path
};

struct MergeResult {
  std::vector<FileChange> changes;     // against `ours`; empty if conflicts
  std::vector<std::string> conflicts;  // paths
};

// The user's objects and ours. Any thread, many at once; every call blocks on
// disk, so the conductor reaches it through Offload. Nothing here writes to
// the user's repository. Errors: kNotFound for an unknown commit or file, kIo.
class Repository {
 public:
  virtual ~Repository() = default;

  // The tree that `changes` make of `parent`'s; nothing is kept.
  virtual Result<ObjectId> TreeOf(ObjectId parent,
                                  std::span<const FileChange> changes) = 0;
  // Makes the commit in memory: readable at once, durable after Flush.
  virtual Result<CommitInfo> Commit(const CommitRequest& request) = 0;
  // Writes what Commit made as one pack.
  virtual Result<void> Flush() = 0;
  // Three-way merge of two commits on their merge base.
  virtual Result<MergeResult> Merge(ObjectId ours, ObjectId theirs) = 0;

  // Is this object readable here, in memory or on disk?
  virtual bool Has(ObjectId object) = 0;
  virtual Result<std::string> ReadFile(ObjectId commit,
                                       std::string_view path) = 0;
  // All files below the root of `commit`, sorted by path.
  virtual Result<std::vector<TreeEntry>> Files(ObjectId commit) = 0;
  // Unified diff from one commit to another; empty for equal trees.
  virtual Result<std::string> Diff(ObjectId from, ObjectId to) = 0;
  // refs/best/<run> in our own store: a view for people, never read back.
  virtual Result<void> PublishBest(std::string_view run, ObjectId commit) = 0;
};

}  // namespace coppice::vcs
