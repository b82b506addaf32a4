#include "vcs/base_checkout.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>

#include "vcs/durable_file.h"

// Beside the directory stand two lock files: DIR.lock, held exclusively while
// somebody makes it, and DIR.users, held shared by every process that reads
// it, so that `coppice gc` knows. The marker DIR/ready is written last.

namespace coppice::vcs {
namespace fs = std::filesystem;
namespace {

constexpr auto kLockPoll = std::chrono::milliseconds(100);

fs::path Beside(const fs::path& dir, const char* suffix) {
  return dir.string() + suffix;
}

}  // namespace

BaseCheckout::BaseCheckout(const SlotOptions& options, fs::path dir)
    : options_(options), dir_(std::move(dir)), making_(options.executor, 1) {}

bool BaseCheckout::Intact() const {
  return access((dir_ / "ready").c_str(), F_OK) == 0 &&
         access(tree().c_str(), F_OK) == 0;
}

Task<Result<void>> BaseCheckout::Ready() {
  Semaphore::Permit permit = co_await making_.Acquire();
  if (IsStill(users_, Beside(dir_, ".users")) && Intact()) co_return Ok();
  Result<void> made = MakeDirectories(dir_.parent_path());
  if (!made) co_return made;
  users_ = UniqueFd(
      open(Beside(dir_, ".users").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  // `coppice gc` may be looking whether anybody uses it.
  while (users_ && flock(users_.get(), LOCK_SH | LOCK_NB) != 0) {
    co_await options_.clock.SleepFor(kLockPoll);
  }
  if (!users_) co_return DiskError("lock the base checkout", dir_);
  UniqueFd lock = TryLock(Beside(dir_, ".lock"));
  while (!lock) {
    co_await options_.clock.SleepFor(kLockPoll);
    lock = TryLock(Beside(dir_, ".lock"));
  }
  if (Intact()) co_return Ok();
  Stamps stamps;
  auto fill = [&] { return Fill(stamps); };
  Result<void> filled = co_await Offload(options_.compute, fill);
  if (!filled) co_return filled;
  if (options_.provision) {
    WorkTree work;
    work.root = tree();
    Result<void> provisioned = co_await options_.provision(work);
    if (!provisioned) co_return provisioned;
  }
  auto finish = [&] { return Finish(stamps); };
  co_return co_await Offload(options_.compute, finish);
}

Result<void> BaseCheckout::Fill(Stamps& stamps) const {
  Result<void> done = RemoveAll(dir_);
  if (done) done = MakeDirectories(tree());
  if (done) done = MakeDirectories(Copies());
  if (done) done = Materialise(options_.store, options_.base, tree(), stamps);
  for (const std::string& path : options_.copy) {
    Stamps snapshot;
    if (done) done = CopyIn(options_.copy_from, Copies(), path, snapshot);
    if (done) done = CopyIn(Copies(), tree(), path, stamps);
  }
  AwaitFileClock();  // what setup builds is to be newer than its sources
  return done;
}

// Setup and build may have written over files that are not theirs; a slot
// shows those as the commit and the user have them.
Result<void> BaseCheckout::Finish(const Stamps& stamps) const {
  Result<std::vector<TreeEntry>> files = options_.store.Files(options_.base);
  if (!files) return files.error();
  std::map<std::string, const TreeEntry*> tracked;
  for (const TreeEntry& entry : *files) tracked[entry.path] = &entry;
  Stamps ignored;
  for (const auto& [path, stamp] : stamps) {
    struct stat st{};
    const bool there = lstat((tree() / path).c_str(), &st) == 0;
    if (there && StampOf(st) == stamp) continue;
    auto entry = tracked.find(path);
    if (entry == tracked.end()) {
      Result<void> copied = CopyIn(Copies(), tree(), path, ignored);
      if (!copied) return copied;
      continue;
    }
    Result<std::string> content = options_.store.ReadBlob(entry->second->blob);
    if (!content) return content.error();
    Result<Stamp> put = PutTracked(tree(), *entry->second, *content);
    if (!put) return put.error();
  }
  Result<void> marked = ReplaceFile(dir_ / "ready", options_.base.Hex());
  return marked ? SyncDirectory(dir_) : marked;
}

}  // namespace coppice::vcs
