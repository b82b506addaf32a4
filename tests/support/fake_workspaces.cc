#include "support/fake_workspaces.h"

#include <fmt/format.h>

namespace coppice::testing {
namespace {

void WriteAll(const std::filesystem::path& root,
              const FakeWorkspaces::Files& files) {
  std::filesystem::create_directories(root);
  for (const auto& [path, text] : files) WriteFile(root / path, text);
}

FakeWorkspaces::Files ReadAll(const std::filesystem::path& root) {
  FakeWorkspaces::Files files;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(root)) {
    if (entry.is_regular_file())
      files[entry.path().lexically_relative(root).string()] =
          ReadFile(entry.path());
  }
  return files;
}

}  // namespace

class FakeWorkspaces::Slot final : public Lease {
 public:
  Slot(FakeWorkspaces& owner, int number, ObjectId commit)
      : owner_(owner), commit_(commit) {
    tree_.slot = number;
    tree_.root = owner.root_ / fmt::format("slot-{}", number);
    ++owner_.leased_;
  }
  ~Slot() override {
    --owner_.leased_;
    std::error_code ignored;
    std::filesystem::remove_all(tree_.root, ignored);
  }

  const WorkTree& tree() const override { return tree_; }
  ObjectId commit() const override { return commit_; }
  void MarkDirty() override { ++owner_.dirty_; }

 private:
  FakeWorkspaces& owner_;
  ObjectId commit_;
  WorkTree tree_;
};

ObjectId FakeWorkspaces::Add(Files files) {
  ObjectId commit;
  commit.bytes[0] = 0xfa;
  commit.bytes[19] = static_cast<std::uint8_t>(commits_.size() + 1);
  if (commits_.empty()) base_ = commit;
  commits_.emplace(commit, std::move(files));
  return commit;
}

std::vector<FileChange> FakeWorkspaces::Changes(const Lease& lease) const {
  const Files& before = commits_.at(lease.commit());
  const Files after = ReadAll(lease.tree().root);
  std::vector<FileChange> changes;
  for (const auto& [path, text] : after) {
    const auto old = before.find(path);
    if (old == before.end() || old->second != text)
      changes.push_back({path, text});
  }
  for (const auto& [path, text] : before)
    if (!after.contains(path)) changes.push_back({path, std::nullopt});
  return changes;
}

Task<Result<std::unique_ptr<Lease>>> FakeWorkspaces::Acquire(ObjectId commit,
                                                             SlotUse) {
  const auto found = commits_.find(commit);
  if (found == commits_.end())
    co_return Error{.code = ErrorCode::kNotFound,
                    .what = fmt::format("no commit {}", commit.Hex())};
  std::unique_ptr<Lease> lease =
      std::make_unique<Slot>(*this, acquired_++, commit);
  WriteAll(lease->tree().root, found->second);
  co_return lease;
}

Task<Result<std::vector<TouchedPath>>> FakeWorkspaces::Touched(
    const Lease& lease) {
  std::vector<TouchedPath> touched;
  for (const FileChange& change : Changes(lease))
    touched.push_back({change.path, !change.content.has_value()});
  co_return touched;
}

Task<Result<void>> FakeWorkspaces::Restore(const Lease& lease,
                                           std::span<const std::string> paths) {
  const Files& files = commits_.at(lease.commit());
  for (const std::string& path : paths) {
    const auto found = files.find(path);
    if (found == files.end()) {
      std::filesystem::remove(lease.tree().root / path);
    } else {
      WriteFile(lease.tree().root / path, found->second);
    }
  }
  co_return Ok();
}

Task<Result<void>> FakeWorkspaces::Lend(const Lease&,
                                        std::span<const std::string> paths) {
  if (paths.empty()) co_return Ok();
  co_return Error{.code = ErrorCode::kCheck,
                  .what = "nobody has a file " + paths.front()};
}

Task<Result<void>> FakeWorkspaces::TakeBack(
    const Lease& lease, std::span<const std::string> paths) {
  for (const std::string& path : paths) {
    std::filesystem::remove_all(lease.tree().root / path);
  }
  co_return Ok();
}

Task<Result<std::filesystem::path>> FakeWorkspaces::BaseCheckout() {
  const std::filesystem::path base = root_ / "base";
  WriteAll(base, commits_.at(base_));
  co_return base;
}

}  // namespace coppice::testing
