#include "eval/slurm_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/durable_file.h"
#include "base/fd.h"
#include "base/file.h"

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
    if (write(out.get(), piece.data(), static_cast<std::size_t>(count)) !=
        count) {
      return DiskError("write", to);
    }
    taken += static_cast<std::uint64_t>(count);
  }
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
  // Orders hold the values of evaluation.pass_env.
  if (made && chmod(files.Run().c_str(), 0700) != 0) {
    return DiskError("close to others", files.Run());
  }
  return made;
}

Result<void> TakeAppended(const fs::path& from, const fs::path& to,
                          Taken& taken) {
  std::error_code error;
  Result<void> done = Ok();
  for (const auto& entry : fs::recursive_directory_iterator(from, error)) {
    if (!entry.is_regular_file(error) || entry.is_symlink(error)) continue;
    const std::string name = entry.path().lexically_relative(from);
    if (!name.ends_with(".log")) continue;
    done = AppendFrom(entry.path(), to / name, taken[name]);
    if (!done) break;
  }
  return done;
}

}  // namespace coppice::eval
