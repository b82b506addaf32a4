#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

// The files through which a search and its workers on a cluster speak, below
// evaluation.slurm.shared_dir. What one side writes for the other appears at
// once and whole (written aside, synced, renamed), and is never written twice.
// Blocking.
//
//   coppice/bin/DIGEST/coppice          the program that jobs run
//   coppice/packs/COMMIT.pack           a base
//   coppice/copies/DIGEST/...           the user's untracked files
//   coppice/RUN/owner.json              whose run it is, and what it needs
//   coppice/RUN/alive/WHO               changes while the search, or a step of
//                                       an allocation, is at work
//   coppice/RUN/batches/N               the jobs of one array, a line each
//   coppice/RUN/batches/N.id            its number at Slurm
//   coppice/RUN/jobs/KEY/order.json     what a worker has to do
//   coppice/RUN/jobs/KEY/N.ask, close   what is asked of it afterwards
//   coppice/RUN/jobs/KEY/logs/...       what its commands printed
//   coppice/RUN/jobs/KEY/logs-from      where that begins in the run's logs
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
  std::filesystem::path Alive() const { return Run() / "alive"; }
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
// Tells a worker that nothing more is wanted of it. A word that is lost costs a
// while of idling, so it is not synced.
void TellToClose(const SlurmFiles& files, std::string_view key);
// Why nothing can be written there, if it is for want of room.
std::optional<std::string> WhyNoRoom(const std::filesystem::path& directory);

// Who holds cores on behalf of a search lets go of them after this time without
// a sign of life.
inline constexpr std::chrono::seconds kSilence{300};
// A sign of life; `beat` differs from that of the one before.
void ShowLife(const SlurmFiles& files, std::string_view who,
              std::uint64_t beat);

// Takes over what has been appended to the files of a directory since the last
// time; `taken` says how far each was read.
using Taken = std::map<std::string, std::uint64_t>;
Result<void> TakeAppended(const std::filesystem::path& from,
                          const std::filesystem::path& to, Taken& taken);
// The same for the logs of a job, whose directory this is. What an earlier
// process has taken is not taken again: the logs of the run have grown by it.
Result<void> TakeJobLogs(const std::filesystem::path& job,
                         const std::filesystem::path& to, Taken& taken);

}  // namespace coppice::eval
