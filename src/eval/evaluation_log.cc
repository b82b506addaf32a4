#include "eval/evaluation_log.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "base/fd.h"

namespace coppice::eval {
namespace {

bool Append(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

bool AppendFile(int to, const std::filesystem::path& file, char& last) {
  const UniqueFd from(open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!from) return errno == ENOENT;
  std::array<char, 64 * 1024> buffer;
  while (true) {
    const ssize_t n = read(from.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return n == 0;
    const auto size = static_cast<std::size_t>(n);
    if (!Append(to, std::string_view(buffer.data(), size))) return false;
    last = buffer[size - 1];
  }
}

}  // namespace

Result<void> AppendSection(const std::filesystem::path& log,
                           std::string_view title,
                           const std::filesystem::path& output,
                           std::string_view closing) {
  const UniqueFd fd(
      open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  char last = '\n';
  const bool written = fd && flock(fd.get(), LOCK_EX) == 0 &&
                       Append(fd.get(), fmt::format("== {}\n", title)) &&
                       AppendFile(fd.get(), output, last) &&
                       Append(fd.get(), last == '\n' ? "" : "\n") &&
                       Append(fd.get(), fmt::format("== {}\n\n", closing));
  const int failure = errno;
  unlink(output.c_str());
  if (written) return Ok();
  return Error{.code = ErrorCode::kIo,
               .what = "cannot write the evaluation log",
               .where = log,
               .cause = std::strerror(failure)};
}

}  // namespace coppice::eval
