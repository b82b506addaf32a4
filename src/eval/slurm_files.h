#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

// The files through which a search and its workers on a cluster speak, below
// evaluation.slurm.shared_dir. Every file appears at once and whole (written
// aside, synced, renamed), and none is written twice. Blocking.
//
//   coppice/bin/DIGEST/coppice          the program that jobs run
//   coppice/packs/COMMIT.pack           a base
//   coppice/copies/DIGEST/...           the user's untracked files
//   coppice/RUN/batches/N               the jobs of one array, a line each
//   coppice/RUN/batches/N.id            its number at Slurm
//   coppice/RUN/jobs/KEY/order.json     what a worker has to do
//   coppice/RUN/jobs/KEY/N.ask, close   what is asked of it afterwards
//   coppice/RUN/jobs/KEY/logs/...       what its commands printed
//   coppice/RUN/answers/KEY.WORD        what it says: hello, opened, 1, 2, idle
//
// The answers of all workers lie in one directory, so that one look sees them
// all: a name that was looked for in vain may be remembered as absent by a
// network file system for a minute, a listing is not.

namespace coppice::eval {

struct SlurmFiles {
  std::filesystem::path root;  // SHARED/coppice
  std::string run;

  std::filesystem::path Run() const { return root / run; }
  std::filesystem::path Answers() const { return Run() / "answers"; }
  std::filesystem::path Answer(std::string_view key,
                               std::string_view word) const;
  std::filesystem::path Jobs() const { return Run() / "jobs"; }
  std::filesystem::path Job(std::string_view key) const { return Jobs() / key; }
  std::filesystem::path Batch(int number) const {
    return Run() / "batches" / std::to_string(number);
  }
};

inline constexpr std::string_view kHello = "hello";
inline constexpr std::string_view kOpened = "opened";
inline constexpr std::string_view kIdle = "idle";
inline constexpr std::string_view kOrder = "order.json";
inline constexpr std::string_view kClose = "close";

// Writes it for this account alone, then makes it appear.
Result<void> PutFile(const std::filesystem::path& file, std::string_view text);
// The finished files of a directory; none if it is not there.
std::vector<std::string> Listed(const std::filesystem::path& directory);
// Makes the directories of a run.
Result<void> MakeSlurmFiles(const SlurmFiles& files);

// Takes over what has been appended to the files of a directory since the last
// time; `taken` says how far each was read.
using Taken = std::map<std::string, std::uint64_t>;
Result<void> TakeAppended(const std::filesystem::path& from,
                          const std::filesystem::path& to, Taken& taken);

}  // namespace coppice::eval
