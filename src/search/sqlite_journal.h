#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "search/journal.h"

namespace coppice::search {

// A sync costs milliseconds. kMilestones leaves `selected` and `sampled` to the
// sync of the next other record: no killed process loses one, and a power cut
// only such as nothing followed, which are made again.
enum class Sync { kEveryRecord, kMilestones };

// journal.db of one run (SPEC §4). One thread at a time. All errors are kIo
// and name the file; a damaged, foreign or newer file is refused and left as
// it is.
class SqliteJournal final : public Journal {
 public:
  ~SqliteJournal() override;

  Result<std::int64_t> Append(WallTime at, const Event& event) override;
  Result<std::int64_t> AppendTogether(
      WallTime at, const std::vector<Event>& events) override;
  // Records are read in small batches, so that a slow `see` blocks nobody; it
  // may append.
  Result<void> Replay(
      const std::function<Result<void>(const Record&)>& see) override;
  Result<void> ReplayLean(
      const std::function<Result<void>(const Record&)>& see) override;
  Result<Record> Read(std::int64_t seq) override;
  // Replay from record `first` on, for followers of a live run.
  Result<void> ReplayFrom(
      std::int64_t first,
      const std::function<Result<void>(const Record&)>& see);

  // 0: nothing is recorded yet.
  Result<std::int64_t> LastSeq();
  // What stands in the file, undecoded, for who does not trust the reader.
  struct RawRow {
    std::int64_t seq = 0;
    std::int64_t at = 0;
    std::string kind;
    std::optional<std::int64_t> attempt;
    std::string body;
  };
  Result<void> EachRow(const std::function<void(const RawRow&)>& see);
  Result<void> EachText(const std::function<void(const std::string& name,
                                                 std::string_view)>& see);
  // Nothing: no text goes by that name.
  Result<std::optional<std::string>> StoredText(const std::string& name);

  // Takes what waits in the inbox, in order, and appends the event that `read`
  // makes of each message, in the transaction that removes it: no message is
  // lost or taken twice. Returns the new records, to be applied.
  Result<std::vector<Record>> TakeInbox(
      WallTime at, const std::function<Event(const std::string& body)>& read);

 private:
  friend Result<std::unique_ptr<SqliteJournal>> CreateJournal(
      const std::filesystem::path& path, Sync sync);
  friend Result<std::unique_ptr<SqliteJournal>> OpenJournal(
      const std::filesystem::path& path, Sync sync);
  friend Result<std::unique_ptr<SqliteJournal>> OpenJournalForReading(
      const std::filesystem::path& path);

  enum class Texts { kAll, kKept };
  Result<void> ReplayRows(
      std::int64_t first, Texts texts,
      const std::function<Result<void>(const Record&)>& see);

  class Tables;
  explicit SqliteJournal(std::unique_ptr<Tables> tables);
  std::unique_ptr<Tables> tables_;
};

// A new, empty journal; kIo if the file exists.
Result<std::unique_ptr<SqliteJournal>> CreateJournal(
    const std::filesystem::path& path, Sync sync = Sync::kEveryRecord);
// For the owner of the run, who holds its lease.
Result<std::unique_ptr<SqliteJournal>> OpenJournal(
    const std::filesystem::path& path, Sync sync = Sync::kEveryRecord);
// For everybody else, at any time, in read-only directories too. Append fails.
Result<std::unique_ptr<SqliteJournal>> OpenJournalForReading(
    const std::filesystem::path& path);

// Leaves a message for the owner of the run, live or not.
Result<void> SendToInbox(const std::filesystem::path& path, WallTime at,
                         const std::string& body);

}  // namespace coppice::search
