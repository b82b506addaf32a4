#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "vcs/repository.h"

namespace coppice::testing {

// A repository in memory: commits are maps from path to text. Ids are digests,
// so equal requests give equal ids, as in git. Thread-safe. LoseUnflushed
// forgets commits made since the last Flush, as a crash would.
class FakeRepository final : public vcs::Repository {
 public:
  using Tree = std::map<std::string, std::string>;

  ObjectId AddRoot(Tree tree);
  void LoseUnflushed();
  int flushes() const { return flushes_; }
  ObjectId published() const { return published_; }

  Result<ObjectId> TreeOf(ObjectId parent,
                          std::span<const FileChange> changes) override;
  Result<vcs::CommitInfo> Commit(const vcs::CommitRequest& request) override;
  Result<void> Flush() override;
  Result<vcs::MergeResult> Merge(ObjectId ours, ObjectId theirs) override;
  bool Has(ObjectId object) override;
  Result<std::string> ReadFile(ObjectId commit, std::string_view path) override;
  Result<std::vector<vcs::TreeEntry>> Files(ObjectId commit) override;
  Result<std::string> Diff(ObjectId from, ObjectId to) override;
  Result<void> PublishBest(std::string_view run, ObjectId commit) override;

 private:
  struct Entry {
    Tree tree;
    std::vector<ObjectId> parents;
    bool flushed = false;
  };
  const Tree* Find(ObjectId commit) const;
  std::vector<ObjectId> Ancestors(ObjectId commit) const;

  mutable std::mutex mutex_;
  std::map<ObjectId, Entry> commits_;
  int flushes_ = 0;
  ObjectId published_;
};

}  // namespace coppice::testing
