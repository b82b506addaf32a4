#include "vcs/durable_file.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

namespace coppice::vcs {
namespace {
namespace fs = std::filesystem;

bool WriteAll(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t count = write(fd, content.data(), content.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    content.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

}  // namespace

Error DiskError(std::string_view what, const fs::path& path) {
  const int code = errno;
  Error error{.code = ErrorCode::kIo,
              .what = fmt::format("cannot {}", what),
              .where = path,
              .cause = strerror(code)};
  if (code == ENOSPC || code == EDQUOT) {
    error.next = "free space there, then `coppice resume`";
  }
  return error;
}

Result<std::string> ReadWhole(const fs::path& path) {
  UniqueFd in(
      open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat status{};
  if (!in || fstat(in.get(), &status) != 0) return DiskError("read", path);
  if (!S_ISREG(status.st_mode)) {
    return Error{
        .code = ErrorCode::kIo, .what = "not a regular file", .where = path};
  }
  std::string content(static_cast<std::size_t>(status.st_size) + 1, '\0');
  std::size_t size = 0;
  for (;;) {
    const ssize_t count =
        read(in.get(), content.data() + size, content.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return DiskError("read", path);
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
    if (size == content.size()) content.resize(2 * size);
  }
  content.resize(size);
  return content;
}

Result<void> ReplaceFile(const fs::path& path, std::string_view content,
                         mode_t mode) {
  const std::string draft = fmt::format("{}.tmp-{}", path.string(), getpid());
  unlink(draft.c_str());
  UniqueFd out(
      open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!out || !WriteAll(out.get(), content) || fsync(out.get()) != 0 ||
      rename(draft.c_str(), path.c_str()) != 0) {
    const Error error = DiskError("write", path);
    unlink(draft.c_str());
    return error;
  }
  return Ok();
}

Result<void> SyncFile(const fs::path& path) {
  UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file || fsync(file.get()) != 0) return DiskError("sync", path);
  return Ok();
}

Result<void> SyncDirectory(const fs::path& path) {
  UniqueFd directory(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory || fsync(directory.get()) != 0) return DiskError("sync", path);
  return Ok();
}

}  // namespace coppice::vcs
