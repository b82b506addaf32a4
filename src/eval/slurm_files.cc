#include "eval/slurm_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/durable_file.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"

namespace coppice::eval {
namespace fs = std::filesystem;
namespace {

Result<void> MakeDirectory(const fs::path& directory) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (!error) return Ok();
  return Error{.code = ErrorCode::kIo,
               .what = "cannot make a directory",
               .where = directory.string(),
               .cause = error.message()};
}

Result<void> AppendFrom(const fs::path& from, const fs::path& to,
                        std::uint64_t& taken) {
  UniqueFd in(open(from.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!in) return DiskError("read", from);
  Result<void> made = MakeDirectory(to.parent_path());
  if (!made) return made;
  UniqueFd out(
      open(to.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644));
  if (!out) return DiskError("write", to);
  std::string piece(std::size_t{1} << 16, '\0');
  while (true) {
    const ssize_t count =
        pread(in.get(), piece.data(), piece.size(), static_cast<off_t>(taken));
    if (count < 0) return DiskError("read", from);
    if (count == 0) return Ok();
    // On a disk that gets full a part is written.
    const ssize_t wrote =
        write(out.get(), piece.data(), static_cast<std::size_t>(count));
    if (wrote < 0) return DiskError("write", to);
    taken += static_cast<std::uint64_t>(wrote);
  }
}

// The logs below a directory, relative to it.
std::vector<std::string> LogsBelow(const fs::path& directory) {
  std::vector<std::string> logs;
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(directory, error)) {
    if (!entry.is_regular_file(error) || entry.is_symlink(error)) continue;
    std::string name = entry.path().lexically_relative(directory);
    if (name.ends_with(".log")) logs.push_back(std::move(name));
  }
  return logs;
}

// Sizes of files by their names, a line each.
Taken ReadSizes(const fs::path& file) {
  Taken sizes;
  const std::string text = ReadWholeOrNothing(file);
  for (std::string_view line : SplitLines(text)) {
    const std::size_t blank = line.find(' ');
    const auto size = ParseNumber(line.substr(0, blank));
    if (!size || blank == line.npos) continue;
    sizes[std::string(line.substr(blank + 1))] =
        static_cast<std::uint64_t>(*size);
  }
  return sizes;
}

std::string SizesText(const Taken& sizes) {
  std::string text;
  for (const auto& [name, size] : sizes) {
    text += fmt::format("{} {}\n", size, name);
  }
  return text;
}

}  // namespace

fs::path SlurmFiles::Answer(std::string_view key, std::string_view word) const {
  return Answers() / fmt::format("{}.{}", key, word);
}

Result<void> PutFile(const fs::path& file, std::string_view text) {
  return ReplaceFile(file, text, 0600);
}

std::vector<std::string> Listed(const fs::path& directory) {
  std::vector<std::string> names;
  DIR* open_directory = opendir(directory.c_str());
  if (open_directory == nullptr) return names;
  while (const dirent* entry = readdir(open_directory)) {
    const std::string_view name = entry->d_name;
    if (name.starts_with('.') || name.find(".tmp-") != name.npos) continue;
    names.emplace_back(name);
  }
  closedir(open_directory);
  return names;
}

Result<void> MakeSlurmFiles(const SlurmFiles& files) {
  Result<void> made = MakeDirectory(files.Answers());
  if (made) made = MakeDirectory(files.Jobs());
  if (made) made = MakeDirectory(files.Batch(0).parent_path());
  if (made) made = MakeDirectory(files.Alive());
  // Orders hold the values of evaluation.pass_env.
  if (made && chmod(files.Run().c_str(), 0700) != 0) {
    return DiskError("close to others", files.Run());
  }
  return made;
}

void TellToClose(const SlurmFiles& files, std::string_view key) {
  const fs::path file = files.Job(key) / kClose;
  const UniqueFd out(open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (!out) LogWarning(DiskError("write", file).Text());
}

// By writing, since a quota shows nowhere else.
std::optional<std::string> WhyNoRoom(const fs::path& directory) {
  const fs::path file = directory / fmt::format(".room-{}", getpid());
  const std::string text(std::size_t{1} << 16, 'x');
  UniqueFd out(
      open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  int trouble = out ? 0 : errno;
  if (out) {
    const ssize_t wrote = write(out.get(), text.data(), text.size());
    if (wrote < 0) {
      trouble = errno;
    } else if (wrote < static_cast<ssize_t>(text.size())) {
      trouble = ENOSPC;
    } else if (fsync(out.get()) != 0) {
      trouble = errno;
    }
  }
  unlink(file.c_str());
  if (trouble != ENOSPC && trouble != EDQUOT) return std::nullopt;
  return fmt::format("evaluation.slurm.shared_dir is full: {} ({})",
                     std::strerror(trouble), directory.string());
}

// In place and not synced: whoever looks in the middle sees a change, too. A
// beat that cannot be written is one that is not seen.
void ShowLife(const SlurmFiles& files, std::string_view who,
              std::uint64_t beat) {
  const fs::path file = files.Alive() / who;
  const UniqueFd out(
      open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  const std::string text = fmt::format("{}\n", beat);
  if (out) (void)!write(out.get(), text.data(), text.size());
}

Result<void> TakeAppended(const fs::path& from, const fs::path& to,
                          Taken& taken) {
  for (const std::string& name : LogsBelow(from)) {
    Result<void> done = AppendFrom(from / name, to / name, taken[name]);
    if (!done) return done;
  }
  return Ok();
}

Result<void> TakeJobLogs(const fs::path& job, const fs::path& to,
                         Taken& taken) {
  const fs::path logs = job / "logs";
  const fs::path kept = job / "logs-from";
  std::optional<Taken> begins;  // sizes of the run's logs before ours
  bool more = false;
  for (const std::string& name : LogsBelow(logs)) {
    if (taken.contains(name)) continue;
    if (!begins) begins = ReadSizes(kept);
    std::error_code error;
    std::uint64_t size = fs::file_size(to / name, error);
    if (error) size = 0;
    const auto [begin, is_new] = begins->try_emplace(name, size);
    taken[name] = size - std::min(size, begin->second);
    more |= is_new;
  }
  if (more) {
    Result<void> noted = PutFile(kept, SizesText(*begins));
    if (!noted) return noted;
  }
  return TakeAppended(logs, to, taken);
}

}  // namespace coppice::eval
