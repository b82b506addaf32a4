#include "support/eval_workspaces.h"

#include <fmt/format.h>

#include <utility>

namespace coppice::testing {
namespace {

namespace fs = std::filesystem;

void WriteExecutable(const fs::path& path, const EvalWorkspaces::File& file) {
  fs::remove(path);
  WriteFile(path, file.text);
  fs::permissions(path, file.executable ? fs::perms(0755) : fs::perms(0644));
}

bool Same(const struct stat& a, const struct stat& b) {
  return a.st_ino == b.st_ino && a.st_mode == b.st_mode &&
         a.st_size == b.st_size && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
         a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

}  // namespace

class EvalWorkspaces::Slot final : public Lease {
 public:
  Slot(EvalWorkspaces& owner, int slot, ObjectId commit)
      : owner_(owner), commit_(commit) {
    tree_.slot = slot;
    tree_.root = owner.SlotRoot(slot);
    ++owner_.leased;
  }
  ~Slot() override {
    --owner_.leased;
    if (dirty_) {
      ++owner_.dirty;
      fs::remove_all(tree_.root);
    } else {
      owner_.free_.push_back(tree_.slot);
    }
  }

  const WorkTree& tree() const override { return tree_; }
  ObjectId commit() const override { return commit_; }
  void MarkDirty() override { dirty_ = true; }

 private:
  EvalWorkspaces& owner_;
  ObjectId commit_;
  WorkTree tree_;
  bool dirty_ = false;
};

fs::path EvalWorkspaces::SlotRoot(int slot) const {
  return root_ / fmt::format("slot-{}", slot);
}

ObjectId EvalWorkspaces::Add(Files files) {
  ObjectId commit;
  commit.bytes[0] = 0xee;
  commit.bytes[19] = static_cast<std::uint8_t>(commits_.size() + 1);
  if (commits_.empty()) base_ = commit;
  commits_.emplace(commit, std::move(files));
  return commit;
}

ObjectId EvalWorkspaces::AddChange(
    const std::map<std::string, std::string>& changes) {
  Files files = base();
  for (const auto& [path, text] : changes) {
    if (text.empty()) {
      files.erase(path);
    } else {
      files[path].text = text;
    }
  }
  return Add(std::move(files));
}

// Everything but what is ignored goes; then the files of the commit.
void EvalWorkspaces::Fill(int slot, const Files& files) {
  const fs::path root = SlotRoot(slot);
  fs::create_directories(root);
  for (const auto& entry : fs::directory_iterator(root)) {
    if (!ignored.contains(entry.path().filename())) fs::remove_all(entry);
  }
  for (const auto& [path, file] : files) WriteExecutable(root / path, file);
  for (const auto& [path, file] : copies) WriteExecutable(root / path, file);
}

EvalWorkspaces::Snapshot EvalWorkspaces::Look(const fs::path& root) {
  Snapshot seen;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (entry.is_directory() && !entry.is_symlink()) continue;
    struct stat info{};
    if (lstat(entry.path().c_str(), &info) != 0) continue;
    seen.emplace(entry.path().lexically_relative(root).string(), info);
  }
  return seen;
}

Task<Result<std::unique_ptr<Lease>>> EvalWorkspaces::Acquire(ObjectId commit,
                                                             SlotUse) {
  const auto found = commits_.find(commit);
  if (found == commits_.end()) {
    co_return Error{.code = ErrorCode::kNotFound, .what = "no such commit"};
  }
  int slot = 0;
  if (free_.empty()) {
    slot = made++;
    Fill(slot, base());
    const Result<void> ready = co_await Provisioned(slot);
    if (!ready) co_return ready.error();
  } else {
    slot = free_.front();
    free_.pop_front();
  }
  Fill(slot, found->second);
  before_[slot] = Look(SlotRoot(slot));
  ++acquired;
  std::unique_ptr<Lease> lease = std::make_unique<Slot>(*this, slot, commit);
  co_return lease;
}

Task<Result<std::vector<TouchedPath>>> EvalWorkspaces::Touched(
    const Lease& lease) {
  const Snapshot& before = before_.at(lease.tree().slot);
  const Snapshot now = Look(lease.tree().root);
  std::map<std::string, bool> touched;
  for (const auto& [path, info] : now) {
    const auto old = before.find(path);
    if (old == before.end() || !Same(old->second, info)) touched[path] = false;
  }
  for (const auto& [path, info] : before) {
    if (!now.contains(path)) touched[path] = true;
  }
  std::vector<TouchedPath> paths;
  for (const auto& [path, removed] : touched) paths.push_back({path, removed});
  co_return paths;
}

Task<Result<void>> EvalWorkspaces::Restore(const Lease& lease,
                                           std::span<const std::string> paths) {
  for (const std::string& path : paths) {
    const auto copy = copies.find(path);
    if (copy == copies.end()) {
      co_return Error{.code = ErrorCode::kIo, .what = "no copy of " + path};
    }
    WriteExecutable(lease.tree().root / path, copy->second);
    struct stat info{};
    lstat((lease.tree().root / path).c_str(), &info);
    before_[lease.tree().slot][path] = info;
  }
  co_return Ok();
}

Task<Result<void>> EvalWorkspaces::Lend(const Lease& lease,
                                        std::span<const std::string> paths) {
  for (const std::string& path : paths) {
    const auto file = users.find(path);
    if (file == users.end()) {
      co_return Error{.code = ErrorCode::kCheck, .what = "no file " + path};
    }
    WriteExecutable(lease.tree().root / path, file->second);
    struct stat info{};
    lstat((lease.tree().root / path).c_str(), &info);
    before_[lease.tree().slot][path] = info;
  }
  co_return Ok();
}

Task<Result<void>> EvalWorkspaces::TakeBack(
    const Lease& lease, std::span<const std::string> paths) {
  for (const std::string& path : paths) {
    fs::remove_all(lease.tree().root / path);
    before_[lease.tree().slot].erase(path);
  }
  co_return Ok();
}

Task<Result<fs::path>> EvalWorkspaces::BaseCheckout() {
  constexpr int kBase = 1000;  // a slot that is never leased
  if (!fs::exists(SlotRoot(kBase))) {
    Fill(kBase, base());
    const Result<void> ready = co_await Provisioned(kBase);
    if (!ready) {
      fs::remove_all(SlotRoot(kBase));
      co_return ready.error();
    }
  }
  co_return SlotRoot(kBase);
}

// The base, once for each directory.
Task<Result<void>> EvalWorkspaces::Provisioned(int slot) {
  if (!provision) co_return Ok();
  WorkTree tree;
  tree.slot = slot;
  tree.root = SlotRoot(slot);
  co_return co_await provision(tree);
}

}  // namespace coppice::testing
