#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

namespace coppice {

namespace fs = std::filesystem;

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

Result<std::string> ReadWhole(const fs::path& path, Links links) {
  const bool refuse = links == Links::kRefuse;
  const UniqueFd in(
      open(path.c_str(),
           O_RDONLY | O_CLOEXEC | (refuse ? O_NOFOLLOW | O_NONBLOCK : 0)));
  struct stat status{};
  if (!in || fstat(in.get(), &status) != 0) return DiskError("read", path);
  if (refuse && !S_ISREG(status.st_mode)) {
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

std::string ReadWholeOrNothing(const fs::path& path) {
  Result<std::string> content = ReadWhole(path);
  return content ? std::move(*content) : std::string();
}

}  // namespace coppice
