#include "eval/safe_file.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "base/fd.h"
#include "base/text.h"

namespace coppice::eval {
namespace {

UniqueFd OpenBeneath(int directory, const std::string& path) {
  open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  const long fd =
      syscall(SYS_openat2, directory, path.c_str(), &how, sizeof(how));
  return UniqueFd(static_cast<int>(fd));
}

std::string Refusal(const struct stat& info, std::uint64_t limit) {
  if (!S_ISREG(info.st_mode)) return "not a regular file";
  if (info.st_nlink != 1) {
    return fmt::format("a file with {} hard links", info.st_nlink);
  }
  if (static_cast<std::uint64_t>(info.st_size) > limit) {
    return fmt::format("{} bytes long, over {} MiB", info.st_size, limit >> 20);
  }
  return {};
}

bool ReadAll(int fd, std::size_t size, std::string& bytes) {
  bytes.resize(size);
  std::size_t got = 0;
  while (got < size) {
    const ssize_t n = read(fd, bytes.data() + got, size - got);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    if (n == 0) break;
    got += static_cast<std::size_t>(n);
  }
  bytes.resize(got);
  return true;
}

}  // namespace

SafeRead ReadBeneath(const std::filesystem::path& directory,
                     std::string_view path, std::uint64_t limit) {
  SafeRead result;
  const UniqueFd root(
      open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) return result;
  const UniqueFd fd = OpenBeneath(root.get(), std::string(path));
  if (!fd) {
    if (errno == ENOENT || errno == ENOTDIR) return result;
    result.refused = errno == ELOOP   ? "a symbolic link"
                     : errno == ENXIO ? "not a regular file"
                                      : std::strerror(errno);
    return result;
  }
  struct stat info{};
  if (fstat(fd.get(), &info) != 0) {
    result.refused = std::strerror(errno);
    return result;
  }
  result.refused = Refusal(info, limit);
  if (!result.refused.empty()) return result;
  SafeFile file{.bytes = {},
                .executable = (info.st_mode & S_IXUSR) != 0,
                .modified = info.st_mtim};
  if (!ReadAll(fd.get(), static_cast<std::size_t>(info.st_size), file.bytes)) {
    result.refused = std::strerror(errno);
    return result;
  }
  result.file = std::move(file);
  return result;
}

}  // namespace coppice::eval
