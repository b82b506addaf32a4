#pragma once

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "vcs/object_db.h"
#include "vcs/store.h"
#include "vcs/user_repository.h"

namespace coppice::vcs {

// Where our store is, beside the user's objects.
std::filesystem::path StorePath(const RepositoryPlaces& places);

// The objects of a store once more, for work that does not go through it. What
// the store has not packed yet is packed first.
Result<std::unique_ptr<ObjectDb>> OpenFlushed(Store& store);

class GitStore final : public Store {
 public:
  GitStore(RepositoryPlaces places, std::unique_ptr<ObjectDb> objects)
      : user_(std::move(places)), objects_(std::move(objects)) {}

  Result<ObjectId> TreeOf(ObjectId parent,
                          std::span<const FileChange> changes) override;
  Result<CommitInfo> Commit(const CommitRequest& request) override;
  Result<void> Flush() override { return objects_->Flush(); }
  Result<MergeResult> Merge(ObjectId ours, ObjectId theirs) override;
  bool Has(ObjectId object) override { return objects_->Has(object); }
  Result<std::string> ReadFile(ObjectId commit, std::string_view path) override;
  Result<std::vector<TreeEntry>> Files(ObjectId commit) override;
  Result<std::string> Diff(ObjectId from, ObjectId to) override;
  Result<void> PublishBest(std::string_view run, ObjectId commit) override;

  Result<std::vector<TreeChange>> Changes(ObjectId from, ObjectId to) override;
  Result<std::string> ReadBlob(ObjectId blob) override;
  Result<ObjectId> TreeIdOf(ObjectId commit) override;
  Result<std::vector<ObjectId>> ParentsOf(ObjectId commit) override;

  Result<ObjectId> Resolve(std::string_view revision) override {
    return user_.Resolve(revision);
  }
  Result<std::vector<std::string>> DirtyFiles(
      ObjectId commit, std::span<const std::string> files) override {
    return user_.DirtyFiles(commit, files);
  }
  Result<bool> Ignored(std::string_view path) override {
    return user_.Ignored(path);
  }
  Result<void> PinBase(std::string_view run, ObjectId commit) override {
    return user_.SetRef(fmt::format("refs/coppice/{}", run), commit);
  }
  Result<void> Unpin(std::string_view run) override {
    return user_.RemoveRef(fmt::format("refs/coppice/{}", run));
  }
  std::optional<ObjectId> PublishedBest() const override;
  Result<void> UnpublishBest(std::string_view run) override;
  Result<void> Repack(std::span<const ObjectId> commits) override;
  Result<void> WritePack(ObjectId commit, std::optional<ObjectId> known,
                         const std::filesystem::path& file) override;
  const RepositoryPlaces& places() const override { return user_.places(); }

 private:
  Result<GitRepository> OpenOurs() const;

  UserRepository user_;
  std::unique_ptr<ObjectDb> objects_;
  mutable std::mutex mutex_;
  std::optional<ObjectId> published_;  // protected by the mutex
};

}  // namespace coppice::vcs
