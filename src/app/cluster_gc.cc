#include "app/cluster_gc.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <optional>
#include <vector>

#include "app/cluster_wire.h"
#include "app/commands.h"
#include "base/file.h"
#include "eval/slurm_cluster.h"
#include "eval/slurm_files.h"
#include "search/lease.h"

// A directory of a run says whose it is (owner.json) and which of the staged
// things it may use. What is staged goes when no run that stays names it and
// nobody has asked for it for an hour: a search stages first and names then.
// Times are compared with that of a new file, which the same server has given.

namespace coppice::app {
namespace fs = std::filesystem;
namespace {

using Seconds = std::chrono::duration<double>;
constexpr Seconds kLongUnused = std::chrono::hours(1);
constexpr Seconds kDead = 2 * eval::kSilence;

struct SharedRun {
  fs::path dir;
  std::string id;
  std::optional<Owner> owner;  // nothing: cannot be read
};

struct Freed {
  int runs = 0;
  int staged = 0;
  std::uintmax_t bytes = 0;
};

std::optional<Seconds> ModifiedAt(const fs::path& path) {
  struct stat st{};
  if (lstat(path.c_str(), &st) != 0) return std::nullopt;
  return Seconds(static_cast<double>(st.st_mtim.tv_sec) +
                 static_cast<double>(st.st_mtim.tv_nsec) / 1e9);
}

bool IsOwn(const fs::path& path) {
  struct stat st{};
  return lstat(path.c_str(), &st) == 0 && st.st_uid == getuid();
}

std::uintmax_t BytesOf(const fs::path& path) {
  std::error_code error;
  if (!fs::is_directory(fs::symlink_status(path, error))) {
    const std::uintmax_t size = fs::file_size(path, error);
    return error ? 0 : size;
  }
  std::uintmax_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(path, error)) {
    if (!entry.is_regular_file(error) || entry.is_symlink(error)) continue;
    const std::uintmax_t size = entry.file_size(error);
    if (!error) bytes += size;
  }
  return bytes;
}

bool IsStagingPlace(std::string_view name) {
  return name == "bin" || name == "packs" || name == "copies";
}

class Sweep {
 public:
  Sweep(fs::path root, const SharedGarbage& garbage)
      : root_(std::move(root)), garbage_(garbage) {}

  Result<void> Run() {
    Result<void> timed = ReadTime();
    if (!timed) return timed;
    std::vector<SharedRun> idle;
    for (SharedRun& run : Runs()) {
      (MayGo(run) ? idle : staying_).push_back(std::move(run));
    }
    Result<void> done = FreeRuns(std::move(idle));
    if (done) done = FreeStaged();
    if (!done) return done;
    Print(fmt::format(
        "{} {} run directories and {} staged files in {}, "
        "{:.1f} MB",
        garbage_.dry_run ? "would free" : "freed", freed_.runs, freed_.staged,
        root_.string(), static_cast<double>(freed_.bytes) / 1e6));
    return Ok();
  }

 private:
  Result<void> ReadTime() {
    const fs::path file = root_ / fmt::format(".now-{}", getpid());
    Result<void> put = eval::PutFile(file, "");
    if (!put) return put;
    now_ = ModifiedAt(file).value_or(Seconds(0));
    std::error_code ignored;
    fs::remove(file, ignored);
    return Ok();
  }

  std::vector<SharedRun> Runs() const {
    std::vector<SharedRun> runs;
    for (const std::string& name : eval::Listed(root_)) {
      if (IsStagingPlace(name)) continue;
      SharedRun run{.dir = root_ / name, .id = name, .owner = std::nullopt};
      Result<Owner> owner =
          DecodeOwner(ReadWholeOrNothing(run.dir / kOwnerFile));
      if (owner && IsOwn(run.dir)) run.owner = std::move(*owner);
      runs.push_back(std::move(run));
    }
    return runs;
  }

  // Its journal is gone, or it is over; and nobody is there.
  bool MayGo(const SharedRun& run) const {
    if (!run.owner) return false;
    const Owner& owner = *run.owner;
    if (owner.repository == garbage_.repository) {
      const auto known = garbage_.runs.find(run.id);
      if (known != garbage_.runs.end() && known->second) return false;
    } else {
      std::error_code error;
      const bool here = owner.host == search::ThisProcess().host;
      if (!here ||
          fs::exists(fs::path(owner.directory) / "journal.db", error)) {
        return false;
      }
    }
    return !ShowsLife(run);
  }

  bool ShowsLife(const SharedRun& run) const {
    const fs::path alive =
        eval::SlurmFiles{.root = root_, .run = run.id}.Alive();
    auto beats = [&](const std::string& who) {
      const auto at = ModifiedAt(alive / who);
      return at && now_ - *at < kDead;
    };
    return std::ranges::any_of(eval::Listed(alive), beats);
  }

  Result<void> FreeRuns(std::vector<SharedRun> idle) {
    if (idle.empty()) return Ok();
    const Result<std::set<std::string>> jobs = JobNames();
    if (!jobs) {
      Print(fmt::format("runs in {} stay: {}", root_.string(),
                        jobs.error().what));
    }
    for (SharedRun& run : idle) {
      if (jobs && !jobs->contains("coppice-" + run.id)) {
        Result<void> done = Free(run.dir, freed_.runs);
        if (!done) return done;
        continue;
      }
      if (jobs) {
        Print(fmt::format("{} stays: it has jobs", run.dir.string()));
      }
      staying_.push_back(std::move(run));
    }
    return Ok();
  }

  static Result<std::set<std::string>> JobNames() {
    std::optional<Result<std::set<std::string>>> names;
    auto ask = [&]() -> Task<void> { names = co_await eval::LiveSlurmJobs(); };
    asio::io_context io(1);
    asio::co_spawn(io, ask(), asio::detached);
    io.run();
    return *names;
  }

  Result<void> FreeStaged() {
    // Nobody knows what they need.
    if (std::ranges::any_of(staying_,
                            [](const SharedRun& run) { return !run.owner; })) {
      return Ok();
    }
    for (const std::string& place : eval::Listed(root_)) {
      if (!IsStagingPlace(place)) continue;
      for (const std::string& name : eval::Listed(root_ / place)) {
        const fs::path path = root_ / place / name;
        const auto used = ModifiedAt(path);
        if (!IsOwn(path) || IsNeeded(path) || !used ||
            now_ - *used < kLongUnused) {
          continue;
        }
        Result<void> done = Free(path, freed_.staged);
        if (!done) return done;
      }
    }
    return Ok();
  }

  bool IsNeeded(const fs::path& path) const {
    const std::string below = path.string() + "/";
    return std::ranges::any_of(staying_, [&](const SharedRun& run) {
      return std::ranges::any_of(
          run.owner->needs, [&](const std::string& need) {
            return need == path.string() || need.starts_with(below);
          });
    });
  }

  Result<void> Free(const fs::path& path, int& count) {
    ++count;
    freed_.bytes += BytesOf(path);
    if (garbage_.dry_run) return Ok();
    std::error_code error;
    fs::remove_all(path, error);
    if (!error) return Ok();
    return Error{.code = ErrorCode::kIo,
                 .what = "cannot remove what no run needs",
                 .where = path.string(),
                 .cause = error.message()};
  }

  const fs::path root_;
  const SharedGarbage& garbage_;
  Seconds now_{0};
  std::vector<SharedRun> staying_;
  Freed freed_;
};

}  // namespace

Result<void> FreeShared(const fs::path& root, const SharedGarbage& garbage) {
  std::error_code error;
  if (!fs::is_directory(root, error)) return Ok();
  return Sweep(root, garbage).Run();
}

}  // namespace coppice::app
