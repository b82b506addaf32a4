#include "eval/named_locks.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/this_coro.hpp>
#include <charconv>
#include <cstring>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "eval/phase_failure.h"

// NAME.lock is held while a command runs. NAME.turn is held by whoever is first
// in line for it, from then until he has the lock: readers that come later wait
// behind a writer that waits already, so that builds, one always under way
// somewhere, cannot keep a timed sample waiting for ever. Each file names its
// owner.
//
// Nobody is woken by flock, so the first in line of each process tries again
// every few milliseconds; the others of that process stand in a line of its
// own. The next one of that line lets one interval pass before it tries: the
// first in line of every other process has tried once by then.
//
// Files are never removed by us. If somebody does, the name stands for another
// file from then on, and a lock on the old one counts for nothing: it is asked
// whether the name still leads to what was locked.

namespace coppice::eval {
namespace fs = std::filesystem;
namespace {

constexpr char kForAllAccounts[] = "/tmp/coppice-locks";
constexpr mode_t kDirectoryMode = 01777;
constexpr mode_t kFileMode = 0666;

constexpr std::chrono::milliseconds kInterval{10};
constexpr std::chrono::milliseconds kLetOthersTry{15};
constexpr std::chrono::seconds kWorthALine{10};

Error Refused(std::string what, const fs::path& path) {
  return Error{.code = ErrorCode::kCheck,
               .what = std::move(what),
               .where = path.string(),
               .cause = std::strerror(errno),
               .next =
                   "remove it, or name another directory in "
                   "COPPICE_LOCK_DIR, the same for all who share the machine"};
}

Error Cancelled() {
  return Error{.code = ErrorCode::kLost, .what = std::string(kCancelled)};
}

// A directory that is not a link. Where we make it anybody may make files, but
// nobody remove another's.
Result<UniqueFd> OpenDirectory(const fs::path& path) {
  if (mkdir(path.c_str(), 0700) == 0) {
    if (chmod(path.c_str(), kDirectoryMode) != 0) {
      return Refused("cannot open the directory of locks to all accounts",
                     path);
    }
  } else if (errno != EEXIST) {
    return Refused("cannot make the directory of locks", path);
  }
  UniqueFd fd(
      open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd || faccessat(fd.get(), ".", W_OK | X_OK, AT_EACCESS) != 0) {
    return Refused("cannot use the directory of locks", path);
  }
  return fd;
}

// A file that may be locked: regular, no link, under one name only, which
// could else be anybody's file. Two steps, because O_CREAT on a file of
// another account is refused where all may write (fs.protected_regular).
UniqueFd OpenLockFile(const UniqueFd& directory, const std::string& name,
                      bool create) {
  constexpr int kFlags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  auto open_it = [&](int more) {
    return UniqueFd(
        openat(directory.get(), name.c_str(), kFlags | more, kFileMode));
  };
  UniqueFd fd = open_it(0);
  if (!fd && errno == ENOENT && create) {
    fd = open_it(O_CREAT | O_EXCL);
    if (fd) (void)!fchmod(fd.get(), kFileMode);  // whatever the umask
    if (!fd && errno == EEXIST) fd = open_it(0);
  }
  struct stat st{};
  if (fd &&
      (fstat(fd.get(), &st) != 0 || !S_ISREG(st.st_mode) || st.st_nlink > 1)) {
    fd.Reset();
    errno = EINVAL;
  }
  return fd;
}

bool StillNamed(const UniqueFd& fd, const UniqueFd& directory,
                const std::string& name) {
  struct stat mine{};
  struct stat named{};
  return fstat(fd.get(), &mine) == 0 &&
         fstatat(directory.get(), name.c_str(), &named, AT_SYMLINK_NOFOLLOW) ==
             0 &&
         mine.st_dev == named.st_dev && mine.st_ino == named.st_ino;
}

bool TryFlock(const UniqueFd& fd, LockMode mode) {
  const int how = mode == LockMode::kShared ? LOCK_SH : LOCK_EX;
  return flock(fd.get(), how | LOCK_NB) == 0;
}

void WriteOwner(const UniqueFd& fd, const std::string& run) {
  const std::string body = fmt::format("{} {}\n", getpid(), run);
  (void)!ftruncate(fd.get(), 0);
  (void)!pwrite(fd.get(), body.data(), body.size(), 0);
}

std::optional<LockOwner> ReadOwner(const UniqueFd& fd) {
  std::array<char, 256> body{};
  const ssize_t size = pread(fd.get(), body.data(), body.size(), 0);
  if (size <= 0) return std::nullopt;
  LockOwner owner;
  const char* end = body.data() + size;
  const auto [rest, bad] = std::from_chars(body.data(), end, owner.pid);
  if (bad != std::errc()) return std::nullopt;
  owner.run = OneLine(std::string_view(rest, end), 60);
  return owner;
}

std::string Told(const LockOwner& owner) {
  return fmt::format("run {} (pid {})", owner.run, owner.pid);
}

}  // namespace

std::string LockState::Text() const {
  if (!held) return {};
  std::string text =
      holder ? "held by " + Told(*holder) : std::string("held for builds");
  if (next) text += ", next is " + Told(*next);
  return text;
}

fs::path LockDirectory() {
  const char* named = getenv("COPPICE_LOCK_DIR");
  return named != nullptr && *named != '\0' ? named : kForAllAccounts;
}

LockState ReadLockState(const fs::path& directory, const std::string& name) {
  LockState state;
  const UniqueFd folder(
      open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder) return state;
  const UniqueFd lock = OpenLockFile(folder, name + ".lock", false);
  if (!lock || TryFlock(lock, LockMode::kExclusive)) return state;
  state.held = true;
  if (!TryFlock(lock, LockMode::kShared)) state.holder = ReadOwner(lock);
  const UniqueFd turn = OpenLockFile(folder, name + ".turn", false);
  if (turn && !TryFlock(turn, LockMode::kShared)) state.next = ReadOwner(turn);
  return state;
}

// The names go before the locks do.
HeldLocks::~HeldLocks() {
  for (const UniqueFd& file : files_) (void)!ftruncate(file.get(), 0);
}

NamedLocks::NamedLocks(fs::path path, UniqueFd directory, std::string run,
                       Clock& clock)
    : path_(std::move(path)),
      directory_(std::move(directory)),
      run_(std::move(run)),
      clock_(clock) {}

NamedLocks::~NamedLocks() = default;

Result<std::unique_ptr<NamedLocks>> NamedLocks::Open(fs::path directory,
                                                     std::string run,
                                                     Clock& clock) {
  Result<UniqueFd> opened = OpenDirectory(directory);
  if (!opened) return opened.error();
  return std::unique_ptr<NamedLocks>(new NamedLocks(
      std::move(directory), std::move(*opened), std::move(run), clock));
}

Task<Result<HeldLocks>> NamedLocks::Acquire(std::vector<LockWish> wishes) {
  // Of two wishes for one name the exclusive one comes first and stays.
  std::ranges::sort(wishes, [](const LockWish& a, const LockWish& b) {
    return std::pair(a.name, a.mode == LockMode::kShared) <
           std::pair(b.name, b.mode == LockMode::kShared);
  });
  const auto same = std::ranges::unique(wishes, {}, &LockWish::name);
  wishes.erase(same.begin(), same.end());
  HeldLocks held;
  for (LockWish& wish : wishes) {
    Result<UniqueFd> file = co_await AcquireOne(std::move(wish));
    if (!file) co_return file.error();
    held.files_.push_back(std::move(*file));
  }
  co_return Result<HeldLocks>(boost::system::in_place_value, std::move(held));
}

Task<Result<UniqueFd>> NamedLocks::AcquireOne(LockWish wish) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  std::unique_ptr<Semaphore>& line = lines_[wish.name];
  if (!line) line = std::make_unique<Semaphore>(executor, 1);
  const bool behind = line->available() == 0;
  const Semaphore::Permit first = co_await line->Acquire();
  if (behind && !cancelled_) co_await clock_.SleepFor(kLetOthersTry);
  Result<UniqueFd> turn =
      co_await Poll(wish.name + ".turn", LockMode::kExclusive);
  if (!turn) co_return turn.error();
  Result<UniqueFd> file = co_await Poll(wish.name + ".lock", wish.mode);
  (void)!ftruncate(turn->get(), 0);
  co_return file;
}

Task<Result<UniqueFd>> NamedLocks::Poll(std::string file, LockMode mode) {
  const Instant start = clock_.Now();
  bool told = false;
  while (!cancelled_) {
    UniqueFd fd = OpenLockFile(directory_, file, true);
    if (!fd) {
      co_return Error{.code = ErrorCode::kLost,
                      .what = "cannot open a lock",
                      .where = (path_ / file).string(),
                      .cause = std::strerror(errno)};
    }
    if (TryFlock(fd, mode) && StillNamed(fd, directory_, file)) {
      if (mode == LockMode::kExclusive) WriteOwner(fd, run_);
      co_return fd;
    }
    if (!told && clock_.Now() - start > kWorthALine) {
      told = true;
      const std::optional<LockOwner> owner = ReadOwner(fd);
      LogInfo(fmt::format("waits for {}{}", (path_ / file).string(),
                          owner ? ", held by " + Told(*owner) : ""));
    }
    co_await clock_.SleepFor(kInterval);
  }
  co_return Cancelled();
}

}  // namespace coppice::eval
