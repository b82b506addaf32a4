#include "base/durable_file.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"

namespace coppice {
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

}  // namespace coppice
