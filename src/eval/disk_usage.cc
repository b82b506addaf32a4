#include "eval/disk_usage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/fd.h"

// Directories are opened by their path from the root, in one step that takes
// no link: the tree is a candidate's and changes under us. A path too long
// for that is counted as too much, or it would be a place to hide things in.

namespace coppice::eval {
namespace fs = std::filesystem;
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

Directory OpenBeneath(int root, const std::string& path) {
  open_how how{};
  how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOATIME;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
  long fd = syscall(SYS_openat2, root, path.c_str(), &how, sizeof(how));
  if (fd < 0 && errno == EPERM) {  // somebody else's directory
    how.flags &= ~static_cast<__u64>(O_NOATIME);
    fd = syscall(SYS_openat2, root, path.c_str(), &how, sizeof(how));
  }
  if (fd < 0) return nullptr;
  Directory directory(fdopendir(static_cast<int>(fd)));
  if (!directory) close(static_cast<int>(fd));
  return directory;
}

class Walk {
 public:
  Walk(const DiskUse& limit, DiskUse& use) : limit_(limit), use_(use) {}

  void Below(const DiskRoot& root) {
    const UniqueFd top(
        open(root.path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!top) return;
    std::vector<std::string> waiting{"."};
    while (!waiting.empty() && !use_.Over(limit_)) {
      const std::string path = std::move(waiting.back());
      waiting.pop_back();
      Directory directory = OpenBeneath(top.get(), path);
      if (!directory && errno == ENAMETOOLONG) use_.files = limit_.files + 1;
      if (directory) Count(directory.get(), path, root.since, waiting);
    }
  }

 private:
  void Count(DIR* directory, const std::string& path, std::int64_t since,
             std::vector<std::string>& waiting) {
    while (!use_.Over(limit_)) {
      const dirent* entry = readdir(directory);
      if (entry == nullptr) return;
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      struct stat info;
      if (fstatat(dirfd(directory), entry->d_name, &info,
                  AT_SYMLINK_NOFOLLOW) != 0) {
        continue;
      }
      if (S_ISDIR(info.st_mode)) waiting.push_back(path + '/' + entry->d_name);
      if (info.st_ctim.tv_sec < since) continue;
      ++use_.files;
      use_.bytes += static_cast<std::uint64_t>(info.st_blocks) * 512;
    }
  }

  const DiskUse& limit_;
  DiskUse& use_;
};

}  // namespace

DiskUse MeasureDisk(const std::vector<DiskRoot>& roots, const DiskUse& limit) {
  DiskUse use;
  for (const DiskRoot& root : roots) Walk(limit, use).Below(root);
  return use;
}

std::uint64_t FreeBytes(const fs::path& path) {
  struct statvfs disk;
  if (statvfs(path.c_str(), &disk) != 0) return 0;
  if (disk.f_files > 0 && disk.f_favail == 0) return 0;
  return static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
}

}  // namespace coppice::eval
