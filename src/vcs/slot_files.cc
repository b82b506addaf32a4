#include "vcs/slot_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "base/durable_file.h"
#include "base/file.h"

namespace coppice::vcs {
namespace fs = std::filesystem;
namespace {

constexpr char kTrustedOpaque[] = "trusted.overlay.opaque";
constexpr char kUserOpaque[] = "user.overlay.opaque";

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

// A candidate may leave directories that their owner cannot enter.
Directory OpenDirectory(const fs::path& path) {
  auto open_it = [&] {
    const int fd =
        open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return Directory(fd < 0 ? nullptr : fdopendir(fd));
  };
  Directory directory = open_it();
  if (directory == nullptr && errno == EACCES &&
      chmod(path.c_str(), S_IRWXU) == 0) {
    directory = open_it();
  }
  return directory;
}

std::vector<std::string> NamesIn(DIR* directory) {
  std::vector<std::string> names;
  while (const dirent* entry = readdir(directory)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  return names;
}

// The directory that holds root/path, reached without following a link.
UniqueFd OpenParent(const fs::path& root, const std::string& path) {
  UniqueFd top(open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const std::size_t slash = path.rfind('/');
  if (!top || slash == std::string::npos) return top;
  open_how how{};
  how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  const std::string parent = path.substr(0, slash);
  return UniqueFd(static_cast<int>(
      syscall(SYS_openat2, top.get(), parent.c_str(), &how, sizeof(how))));
}

// The same, and makes the directories. What stands in the way goes.
Result<UniqueFd> MakeParent(const fs::path& root, const std::string& path) {
  UniqueFd at = OpenParent(root, path);
  if (at) return at;
  at = UniqueFd(open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!at) return DiskError("open", root);
  fs::path reached = root;
  for (const fs::path& part : fs::path(path).parent_path()) {
    reached /= part;
    auto enter = [&] {
      return UniqueFd(openat(at.get(), part.c_str(),
                             O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
    };
    UniqueFd next = enter();
    if (!next) {
      Result<void> removed = RemoveAll(reached);
      if (!removed) return removed.error();
      if (mkdirat(at.get(), part.c_str(), 0755) != 0) {
        return DiskError("make", reached);
      }
      next = enter();
    }
    if (!next) return DiskError("open", reached);
    at = std::move(next);
  }
  return at;
}

// The kernel gives files the time of its last tick, up to some milliseconds
// ago. With the exact time a file is newer than all that was built before it,
// so that make builds again, and a later write always shows.
bool MarkNew(int parent, const char* name) {
  std::array<timespec, 2> times{};
  clock_gettime(CLOCK_REALTIME, &times[0]);
  times[1] = times[0];
  return utimensat(parent, name, times.data(), AT_SYMLINK_NOFOLLOW) == 0;
}

// Calls make(parent, name), which finds the directory there and the name free.
template <class Make>
Result<Stamp> PutAt(const fs::path& root, const std::string& path, Make make) {
  const std::string name = path.substr(path.rfind('/') + 1);
  Result<UniqueFd> parent = MakeParent(root, path);
  if (!parent) return parent.error();
  bool made = make(parent->get(), name.c_str());
  if (!made && errno == EEXIST) {
    Result<void> removed = RemoveAll(root / path);
    if (!removed) return removed.error();
    made = make(parent->get(), name.c_str());
  }
  struct stat st{};
  if (!made ||
      fstatat(parent->get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) {
    return DiskError("write", root / path);
  }
  return StampOf(st);
}

bool WriteBytes(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t n = write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

UniqueFd Create(int parent, const char* name, mode_t mode) {
  UniqueFd fd(openat(parent, name,
                     O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                     mode));
  if (fd) fchmod(fd.get(), mode);  // whatever the umask is
  return fd;
}

Result<Stamp> PutLink(const fs::path& root, const std::string& path,
                      std::string_view content) {
  const std::string target(content);
  return PutAt(root, path, [&](int parent, const char* name) {
    return symlinkat(target.c_str(), parent, name) == 0 &&
           MarkNew(parent, name);
  });
}

// By reflink, else what is not a hole: data sets and images have many.
bool CopyBytes(int from, int to) {
  if (ioctl(to, FICLONE, from) == 0) return true;
  struct stat st{};
  if (fstat(from, &st) != 0 || ftruncate(to, st.st_size) != 0) return false;
  off_t end = 0;
  while (end < st.st_size) {
    off_t in = lseek(from, end, SEEK_DATA);
    if (in < 0) return errno == ENXIO;  // nothing but a hole is left
    end = lseek(from, in, SEEK_HOLE);
    if (end < 0) return false;
    off_t out = in;
    while (in < end) {
      const auto left = static_cast<std::size_t>(end - in);
      const ssize_t n = copy_file_range(from, &in, to, &out, left, 0);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return n == 0;
    }
  }
  return true;
}

Result<Stamp> CopyFile(const fs::path& from, const fs::path& root,
                       const std::string& path, mode_t mode) {
  UniqueFd in(open(from.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!in) return DiskError("read", from);
  return PutAt(root, path, [&](int parent, const char* name) {
    const UniqueFd out = Create(parent, name, mode & 0777);
    return out && CopyBytes(in.get(), out.get()) && MarkNew(parent, name);
  });
}

}  // namespace

Stamp StampOf(const struct stat& st) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  return {.inode = st.st_ino,
          .size = st.st_size,
          .modified_ns = st.st_mtim.tv_sec * kSecond + st.st_mtim.tv_nsec,
          .changed_ns = st.st_ctim.tv_sec * kSecond + st.st_ctim.tv_nsec,
          .mode = st.st_mode};
}

Result<void> MakeDirectories(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (!error) return Ok();
  errno = error.value();
  return DiskError("make a directory", path);
}

Result<void> RemoveAll(const fs::path& path) {
  if (unlink(path.c_str()) == 0 || errno == ENOENT || errno == ENOTDIR) {
    return Ok();
  }
  // An overlay's own work directory cannot be entered, but it is empty.
  if (rmdir(path.c_str()) == 0) return Ok();
  const Directory directory = OpenDirectory(path);
  if (directory == nullptr) return DiskError("remove", path);
  for (const std::string& name : NamesIn(directory.get())) {
    if (unlinkat(dirfd(directory.get()), name.c_str(), 0) == 0) continue;
    if (errno == EACCES) chmod(path.c_str(), S_IRWXU);
    Result<void> removed = RemoveAll(path / name);
    if (!removed) return removed;
  }
  if (rmdir(path.c_str()) == 0 || errno == ENOENT) return Ok();
  return DiskError("remove", path);
}

bool IsOrBelow(const std::string& path, const std::string& directory) {
  return path.starts_with(directory) &&
         (path.size() == directory.size() || path[directory.size()] == '/');
}

Result<void> RemoveBelow(const fs::path& root, const std::string& path) {
  if (!OpenParent(root, path)) return Ok();
  return RemoveAll(root / path);
}

void AwaitFileClock() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  auto behind = [&] {
    timespec files{};
    clock_gettime(CLOCK_REALTIME_COARSE, &files);
    return std::pair(files.tv_sec, files.tv_nsec) <
           std::pair(now.tv_sec, now.tv_nsec);
  };
  const timespec millisecond{.tv_sec = 0, .tv_nsec = 1'000'000};
  for (int i = 0; i < 100 && behind(); ++i) nanosleep(&millisecond, nullptr);
}

Result<Stamp> PutTracked(const fs::path& root, const TreeEntry& entry,
                         std::string_view content) {
  if (entry.symlink) return PutLink(root, entry.path, content);
  return PutAt(root, entry.path, [&](int parent, const char* name) {
    const UniqueFd out = Create(parent, name, entry.executable ? 0755 : 0644);
    return out && WriteBytes(out.get(), content) && MarkNew(parent, name);
  });
}

Result<void> Materialise(Store& store, ObjectId commit, const fs::path& root,
                         Stamps& stamps) {
  Result<std::vector<TreeEntry>> files = store.Files(commit);
  if (!files) return files.error();
  for (const TreeEntry& entry : *files) {
    if (entry.submodule) continue;
    Result<std::string> content = store.ReadBlob(entry.blob);
    if (!content) return content.error();
    Result<Stamp> put = PutTracked(root, entry, *content);
    if (!put) return put.error();
    stamps[entry.path] = *put;
  }
  return Ok();
}

Result<void> CopyIn(const fs::path& from, const fs::path& root,
                    const std::string& path, Stamps& stamps) {
  const fs::path source = from / path;
  struct stat st{};
  if (lstat(source.c_str(), &st) != 0) {
    return Error{
        .code = ErrorCode::kCheck,
        .what = "a file named under copy is not there",
        .where = source.string(),
        .next = "make it, or take it out of evaluation.copy or holdout.copy"};
  }
  if (S_ISDIR(st.st_mode)) {
    const Directory directory = OpenDirectory(source);
    if (directory == nullptr) return DiskError("read", source);
    Result<UniqueFd> made = MakeParent(root, path + "/.");
    if (!made) return made.error();
    for (const std::string& name : NamesIn(directory.get())) {
      if (name == ".env" || name == ".git") continue;
      Result<void> copied = CopyIn(from, root, path + "/" + name, stamps);
      if (!copied) return copied;
    }
    return Ok();
  }
  if (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode)) return Ok();
  std::error_code failed;
  Result<Stamp> put =
      S_ISREG(st.st_mode)
          ? CopyFile(source, root, path, st.st_mode)
          : PutLink(root, path, fs::read_symlink(source, failed).string());
  if (!put) return put.error();
  stamps[path] = *put;
  return Ok();
}

// A character device 0/0, which everybody may make since Linux 5.8.
Result<void> PutWhiteout(const fs::path& root, const std::string& path) {
  Result<Stamp> put = PutAt(root, path, [](int parent, const char* name) {
    return mknodat(parent, name, S_IFCHR, makedev(0, 0)) == 0;
  });
  if (!put) return put.error();
  return Ok();
}

bool IsWhiteout(const struct stat& st) {
  return S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0);
}

Result<void> MakeOpaque(const fs::path& directory) {
  // Root mounts with the trusted attributes, others with the user's.
  for (const char* name : {kTrustedOpaque, kUserOpaque}) {
    if (lsetxattr(directory.c_str(), name, "y", 1, 0) == 0) return Ok();
  }
  return DiskError("hide what is below", directory);
}

bool IsOpaque(const fs::path& directory) {
  for (const char* name : {kTrustedOpaque, kUserOpaque}) {
    char value = 0;
    if (lgetxattr(directory.c_str(), name, &value, 1) == 1 && value == 'y') {
      return true;
    }
  }
  return false;
}

void Walk(
    const fs::path& root,
    const std::function<void(const std::string&, const struct stat&)>& file,
    const std::function<void(const std::string&)>& directory) {
  std::vector<std::string> pending{""};
  while (!pending.empty()) {
    const std::string at = std::move(pending.back());
    pending.pop_back();
    const Directory opened = OpenDirectory(at.empty() ? root : root / at);
    if (opened == nullptr) continue;
    for (std::string& name : NamesIn(opened.get())) {
      struct stat st{};
      if (fstatat(dirfd(opened.get()), name.c_str(), &st,
                  AT_SYMLINK_NOFOLLOW) != 0) {
        continue;
      }
      std::string path = at.empty() ? std::move(name) : at + "/" + name;
      if (!S_ISDIR(st.st_mode)) {
        file(path, st);
        continue;
      }
      if (directory) directory(path);
      pending.push_back(std::move(path));
    }
  }
}

UniqueFd TryLock(const fs::path& file) {
  UniqueFd fd(open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!fd || flock(fd.get(), LOCK_EX | LOCK_NB) != 0 || !IsStill(fd, file)) {
    return UniqueFd();
  }
  return fd;
}

bool IsStill(const UniqueFd& lock, const fs::path& file) {
  struct stat ours{};
  struct stat there{};
  return lock && fstat(lock.get(), &ours) == 0 &&
         lstat(file.c_str(), &there) == 0 && ours.st_ino == there.st_ino &&
         ours.st_dev == there.st_dev;
}

}  // namespace coppice::vcs
