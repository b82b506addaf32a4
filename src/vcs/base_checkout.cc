#include "vcs/base_checkout.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <utility>
#include <vector>

#include "base/durable_file.h"
#include "base/file.h"
#include "base/process.h"

// A checkout of the base is filled from the store. One of a later commit starts
// as a copy of another, times included, and gets the files in which the two
// commits differ, so that its build has only those to do.
//
// Beside the directory stand two lock files: DIR.lock, held exclusively while
// somebody makes it, and DIR.users, held shared by every process that reads
// it, so that `coppice gc` knows. The marker DIR/ready is written last.

namespace coppice::vcs {
namespace fs = std::filesystem;
namespace {

constexpr auto kLockPoll = std::chrono::milliseconds(100);
constexpr auto kLongestCopy = std::chrono::hours(1);

fs::path Beside(const fs::path& dir, const char* suffix) {
  return dir.string() + suffix;
}

}  // namespace

BaseCheckout::BaseCheckout(const SlotOptions& options, fs::path dir)
    : BaseCheckout(options, std::move(dir), options.base, nullptr) {}

BaseCheckout::BaseCheckout(const SlotOptions& options, fs::path dir,
                           ObjectId commit,
                           std::shared_ptr<const BaseCheckout> from)
    : options_(options),
      dir_(std::move(dir)),
      commit_(commit),
      from_(std::move(from)),
      making_(options.executor, 1) {}

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
  co_return co_await Make();
}

Task<Result<void>> BaseCheckout::Make() {
  if (from_ != nullptr) {
    Result<void> copied = co_await Copy();
    if (!copied) co_return copied;
  }
  Stamps stamps;
  auto fill = [&] { return from_ == nullptr ? Fill(stamps) : Change(stamps); };
  Result<void> filled = co_await Offload(options_.compute, fill);
  if (!filled) co_return filled;
  if (options_.provision) {
    WorkTree work;
    work.root = tree();
    Result<void> provisioned = co_await options_.provision(work);
    if (!provisioned) co_return provisioned;
  }
  auto finish = [&] { return Finish(stamps); };
  Result<void> finished = co_await Offload(options_.compute, finish);
  if (finished) from_.reset();
  co_return finished;
}

Result<void> BaseCheckout::Fill(Stamps& stamps) const {
  Result<void> done = RemoveAll(dir_);
  if (done) done = MakeDirectories(tree());
  if (done) done = MakeDirectories(Copies());
  if (done) done = Materialise(options_.store, commit_, tree(), stamps);
  for (const std::string& path : options_.copy) {
    Stamps snapshot;
    if (done) done = CopyIn(options_.copy_from, Copies(), path, snapshot);
    if (done) done = CopyIn(Copies(), tree(), path, stamps);
  }
  AwaitFileClock();  // what setup builds is to be newer than its sources
  return done;
}

// By the program that knows best how: holes, links, times, reflinks.
Task<Result<void>> BaseCheckout::Copy() const {
  auto clear = [this] {
    Result<void> done = RemoveAll(dir_);
    return done ? MakeDirectories(dir_) : done;
  };
  Result<void> cleared = co_await Offload(options_.compute, clear);
  if (!cleared) co_return cleared;
  std::vector<std::string> argv{"cp", "-a", "--reflink=auto", "--"};
  argv.push_back(from_->tree());
  argv.push_back(from_->Copies());
  argv.push_back(dir_);
  ToolOptions options;
  options.timeout = kLongestCopy;
  const Result<ProcessOutput> copied =
      co_await RunTool(std::move(argv), std::move(options));
  if (!copied) co_return copied.error();
  if (copied->ok()) co_return Ok();
  co_return Error{.code = ErrorCode::kIo,
                  .what = "cannot copy the base checkout",
                  .where = dir_,
                  .cause = copied->err};
}

// From the commit that it is a copy of to its own.
Result<void> BaseCheckout::Change(Stamps& stamps) const {
  Result<std::vector<TreeChange>> changes =
      options_.store.Changes(from_->commit(), commit_);
  if (!changes) return changes.error();
  // Removals first: a directory may take the place of a file.
  for (const TreeChange& change : *changes) {
    if (change.after) continue;
    Result<void> removed = RemoveBelow(tree(), change.path);
    if (!removed) return removed;
    // git keeps no directory without files.
    for (fs::path at = fs::path(change.path).parent_path(); !at.empty();
         at = at.parent_path()) {
      if (rmdir((tree() / at).c_str()) != 0) break;
    }
  }
  for (const TreeChange& change : *changes) {
    if (!change.after || change.after->submodule) continue;
    Result<std::string> content = options_.store.ReadBlob(change.after->blob);
    if (!content) return content.error();
    Result<Stamp> put = PutTracked(tree(), *change.after, *content);
    if (!put) return put.error();
  }
  Result<std::vector<TreeEntry>> files = options_.store.Files(commit_);
  if (!files) return files.error();
  auto note = [&](const fs::path& root, const std::string& path) {
    struct stat st{};
    if (lstat((root / path).c_str(), &st) == 0) stamps[path] = StampOf(st);
  };
  for (const TreeEntry& entry : *files) {
    if (!entry.submodule) note(tree(), entry.path);
  }
  Walk(Copies(), [&](const std::string& path, const struct stat&) {
    note(tree(), path);
  });
  AwaitFileClock();  // what is built is to be newer than its sources
  return Ok();
}

void BaseCheckout::Discard() {
  users_ = UniqueFd();
  const UniqueFd users = TryLock(Beside(dir_, ".users"));
  const UniqueFd lock = TryLock(Beside(dir_, ".lock"));
  if (users && lock) (void)RemoveSlot(dir_);
}

// Setup and build may have written over files that are not theirs; a slot
// shows those as the commit and the user have them.
Result<void> BaseCheckout::Finish(const Stamps& stamps) const {
  Result<std::vector<TreeEntry>> files = options_.store.Files(commit_);
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
  Result<void> marked = ReplaceFile(dir_ / "ready", commit_.Hex());
  return marked ? SyncDirectory(dir_) : marked;
}

}  // namespace coppice::vcs
