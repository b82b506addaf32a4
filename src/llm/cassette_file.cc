#include "llm/cassette_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

namespace coppice::llm {
namespace {

Error Failed(const std::filesystem::path& path, const char* what) {
  return Error{.code = errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo,
               .what = what,
               .where = path.string(),
               .cause = std::strerror(errno)};
}

std::optional<std::string> ReadAll(int fd) {
  std::string text;
  std::array<char, 65536> piece;
  while (true) {
    const ssize_t got = read(fd, piece.data(), piece.size());
    if (got == 0) return text;
    if (got < 0 && errno != EINTR) return std::nullopt;
    if (got > 0) text.append(piece.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace

Result<CassetteFile> ReadCassette(const std::filesystem::path& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return Failed(path, "cannot open the cassette");
  const std::optional<std::string> text = ReadAll(fd.get());
  if (!text) return Failed(path, "cannot read the cassette");
  Result<CassetteFile> file = ParseCassette(*text, path.string());
  if (file && file->whole == 0) {
    return Error{.code = ErrorCode::kUsage,
                 .what = "the cassette is empty",
                 .where = path.string()};
  }
  return file;
}

Result<CassetteWriter::Opened> CassetteWriter::Open(
    const std::filesystem::path& path) {
  UniqueFd fd(
      open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!fd) return Failed(path, "cannot open the cassette");
  if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    return Error{.code = ErrorCode::kBusy,
                 .what = "another process records on this cassette",
                 .where = path.string()};
  }
  const std::optional<std::string> text = ReadAll(fd.get());
  if (!text) return Failed(path, "cannot read the cassette");
  Result<CassetteFile> before = ParseCassette(*text, path.string());
  if (!before) return before.error();
  if (ftruncate(fd.get(), static_cast<off_t>(before->whole)) != 0) {
    return Failed(path, "cannot write the cassette");
  }
  CassetteWriter writer(path, std::move(fd));
  if (before->whole == 0) {
    Result<void> begun = writer.Append(std::string(kCassetteHeader) + '\n');
    if (!begun) return begun.error();
  }
  return Result<Opened>(
      boost::system::in_place_value,
      Opened{.writer = std::move(writer), .before = std::move(*before)});
}

Result<void> CassetteWriter::Append(std::string_view line) {
  while (!line.empty()) {
    const ssize_t written = write(fd_.get(), line.data(), line.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Failed(path_, "cannot write the cassette");
    line.remove_prefix(static_cast<std::size_t>(written));
  }
  if (fsync(fd_.get()) != 0) return Failed(path_, "cannot sync the cassette");
  return Ok();
}

}  // namespace coppice::llm
