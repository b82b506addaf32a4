#include "search/sqlite_journal.h"

#include <fmt/format.h>

#include <utility>

#include "search/disk_reserve.h"
#include "search/sqlite_database.h"

// One transaction a record: its texts, then the event that refers to them,
// synced by the commit (WAL with synchronous=FULL), so that a record is either
// whole or not there. Rows are only ever added, triggers see to it. Beside the
// file of the owner stands a reserve: on a full disk it goes, so that the run
// can still record why it stops.

namespace coppice::search {
namespace {

constexpr int kBatch = 256;

constexpr DatabaseFormat kJournalFormat{.name = "journal",
                                        .application_id = 0x636f706a,  // "copj"
                                        .version = 1,
                                        .schema = R"sql(
CREATE TABLE events(seq INTEGER PRIMARY KEY, at INTEGER NOT NULL,
                    kind TEXT NOT NULL, attempt INTEGER, body TEXT NOT NULL);
CREATE TABLE texts(sha256 TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE inbox(id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL,
                   body TEXT NOT NULL);
CREATE TRIGGER events_stay BEFORE UPDATE ON events
  BEGIN SELECT RAISE(ABORT, 'records are never changed'); END;
CREATE TRIGGER events_keep BEFORE DELETE ON events
  BEGIN SELECT RAISE(ABORT, 'records are never deleted'); END;
CREATE TRIGGER texts_stay BEFORE UPDATE ON texts
  BEGIN SELECT RAISE(ABORT, 'texts are never changed'); END;
CREATE TRIGGER texts_keep BEFORE DELETE ON texts
  BEGIN SELECT RAISE(ABORT, 'texts are never deleted'); END
)sql",
                                        .synchronous = "FULL"};

std::int64_t Micros(WallTime at) { return at.time_since_epoch().count(); }

WallTime FromMicros(std::int64_t micros) {
  return WallTime(std::chrono::microseconds(micros));
}

bool IsMilestone(const Event& event) {
  return !std::holds_alternative<Selected>(event) &&
         !std::holds_alternative<Sampled>(event);
}

// Kinds whose texts no fold keeps.
bool IsBulky(std::string_view kind) {
  return kind == "asked" || kind == "answered" || kind == "committed";
}

// A question without its prompt, whose many names are not worth parsing. The
// words cannot stand within a string, where quotes are escaped.
void DropPrompt(std::string& body) {
  constexpr std::string_view kPrompt = "\"prompt\":[";
  const std::size_t at = body.find(kPrompt);
  if (at == std::string::npos) return;
  const std::size_t begin = at + kPrompt.size();
  body.erase(begin, body.find(']', begin) - begin);
}

struct Row {
  std::int64_t seq = 0;
  std::int64_t at = 0;
  EncodedEvent event;
};

}  // namespace

// The connection and its statements, prepared once.
class SqliteJournal::Tables {
 public:
  static Result<std::unique_ptr<SqliteJournal>> Make(Result<Database> database,
                                                     std::filesystem::path path,
                                                     Sync sync) {
    if (!database) return database.error();
    auto tables =
        std::make_unique<Tables>(std::move(*database), std::move(path), sync);
    if (Result<void> ready = tables->PrepareAll(); !ready) {
      return ready.error();
    }
    return std::unique_ptr<SqliteJournal>(new SqliteJournal(std::move(tables)));
  }

  Tables(Database database, std::filesystem::path path, Sync sync)
      : path_(std::move(path)), sync_(sync), database_(std::move(database)) {}

  void KeepReserve() {
    reserve_ = DiskReserve::Keep(path_.parent_path() / "reserve");
  }
  // False: there was no more room to give back.
  bool ReleaseReserve() { return reserve_.Release(); }

  // A transaction whose commit is synced if the event needs it. In a WAL a
  // sync covers all that was written before it.
  Result<Transaction> Begin(const Event& event) {
    const bool synced = sync_ == Sync::kEveryRecord || IsMilestone(event);
    if (synced != synced_) {
      Result<void> set = database_.Execute(
          synced ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
      if (!set) return set.error();
      synced_ = synced;
    }
    return Transaction::Begin(database_);
  }

  // In one transaction; the number of the first.
  Result<std::int64_t> Append(WallTime at,
                              const std::vector<EncodedEvent>& rows,
                              const Event& front) {
    Result<Transaction> transaction = Begin(front);
    if (!transaction) return transaction.error();
    std::optional<std::int64_t> first;
    for (const EncodedEvent& row : rows) {
      Result<std::int64_t> seq = Insert(at, row);
      if (!seq) return seq;
      if (!first) first = *seq;
    }
    Result<void> durable = transaction->Commit();
    if (!durable) return durable.error();
    return *first;
  }

  // Within a transaction.
  Result<std::int64_t> Insert(WallTime at, const EncodedEvent& event) {
    for (const auto& [digest, text] : event.texts) {
      Result<void> added =
          add_text_.BindText(1, digest).BindBlob(2, text).Run();
      if (!added) return added.error();
    }
    Result<void> added = add_event_.Bind(1, Micros(at))
                             .BindText(2, event.kind)
                             .Bind(3, event.attempt)
                             .BindText(4, event.body)
                             .Run();
    if (!added) return added.error();
    return database_.LastRowId();
  }

  Result<std::vector<Row>> Read(std::int64_t first, int count) {
    std::vector<Row> rows;
    read_events_.Bind(1, first).Bind(2, count);
    while (true) {
      Result<bool> more = read_events_.Step();
      if (!more) return more.error();
      if (!*more) break;
      Row& row = rows.emplace_back();
      row.seq = read_events_.Integer(0);
      row.at = read_events_.Integer(1);
      row.event.kind = read_events_.Bytes(2);
      if (!read_events_.IsNull(3)) row.event.attempt = read_events_.Integer(3);
      row.event.body = read_events_.Bytes(4);
    }
    read_events_.Reset();
    return rows;
  }

  Result<std::int64_t> LastSeq() {
    Result<Statement> last = database_.Prepare("SELECT max(seq) FROM events");
    if (!last) return last.error();
    Result<bool> row = last->Step();
    if (!row) return row.error();
    return *row ? last->Integer(0) : 0;
  }

  Result<std::optional<std::string>> StoredText(const std::string& digest) {
    Result<bool> found = read_text_.BindText(1, digest).Step();
    if (!found) return found.error();
    std::optional<std::string> text;
    if (*found) text = read_text_.Bytes(0);
    read_text_.Reset();
    return text;
  }

  Result<std::string> Text(const std::string& digest) {
    Result<std::optional<std::string>> text = StoredText(digest);
    if (!text) return text.error();
    if (*text) return std::move(**text);
    return Error{.code = ErrorCode::kIo,
                 .what = fmt::format("the text {} is missing", digest)};
  }

  Result<void> EachText(
      const std::function<void(const std::string&, std::string_view)>& see) {
    Result<Statement> all =
        database_.Prepare("SELECT sha256, body FROM texts ORDER BY sha256");
    if (!all) return all.error();
    while (true) {
      Result<bool> more = all->Step();
      if (!more) return more.error();
      if (!*more) return Ok();
      see(std::string(all->Bytes(0)), all->Bytes(1));
    }
  }

  Result<Record> ToRecord(const Row& row, std::int64_t expected, Texts texts) {
    if (row.seq != expected) {
      return Error{.code = ErrorCode::kIo,
                   .what = fmt::format("record {} is missing", expected),
                   .where = path_.string(),
                   .cause = "the file was changed by another program"};
    }
    const bool lean = texts == Texts::kKept && IsBulky(row.event.kind);
    const FindText text =
        [this, lean](const std::string& digest) -> Result<std::string> {
      if (lean) return std::string();
      return Text(digest);
    };
    Result<Event> event = Decode(row.event, text);
    if (!event) {
      Error error = event.error();
      error.what = fmt::format("record {}: {}", row.seq, error.what);
      if (error.where.empty()) error.where = path_.string();
      return error;
    }
    return Record{
        .seq = row.seq, .at = FromMicros(row.at), .event = std::move(*event)};
  }

  Result<std::vector<std::pair<std::int64_t, std::string>>> Inbox() {
    std::vector<std::pair<std::int64_t, std::string>> messages;
    while (true) {
      Result<bool> more = read_inbox_.Step();
      if (!more) return more.error();
      if (!*more) break;
      messages.emplace_back(read_inbox_.Integer(0), read_inbox_.Bytes(1));
    }
    read_inbox_.Reset();
    return messages;
  }

  Result<void> ForgetMessage(std::int64_t id) {
    return forget_message_.Bind(1, id).Run();
  }

 private:
  Result<void> PrepareAll() {
    const std::pair<Statement*, std::string_view> statements[] = {
        {&add_event_,
         "INSERT INTO events(at, kind, attempt, body) VALUES (?1, ?2, ?3, ?4)"},
        {&add_text_,
         "INSERT INTO texts VALUES (?1, ?2) ON CONFLICT DO NOTHING"},
        {&read_events_,
         "SELECT seq, at, kind, attempt, body FROM events WHERE seq >= ?1 "
         "ORDER BY seq LIMIT ?2"},
        {&read_text_, "SELECT body FROM texts WHERE sha256 = ?1"},
        {&read_inbox_, "SELECT id, body FROM inbox ORDER BY id"},
        {&forget_message_, "DELETE FROM inbox WHERE id = ?1"}};
    for (const auto& [statement, sql] : statements) {
      Result<Statement> prepared = database_.Prepare(sql);
      if (!prepared) return prepared.error();
      *statement = std::move(*prepared);
    }
    return Ok();
  }

  const std::filesystem::path path_;
  const Sync sync_;
  bool synced_ = true;
  DiskReserve reserve_;
  Database database_;  // outlives its statements
  Statement add_event_;
  Statement add_text_;
  Statement read_events_;
  Statement read_text_;
  Statement read_inbox_;
  Statement forget_message_;
};

SqliteJournal::SqliteJournal(std::unique_ptr<Tables> tables)
    : tables_(std::move(tables)) {}

SqliteJournal::~SqliteJournal() = default;

Result<std::int64_t> SqliteJournal::Append(WallTime at, const Event& event) {
  return AppendTogether(at, {event});
}

Result<std::int64_t> SqliteJournal::AppendTogether(
    WallTime at, const std::vector<Event>& events) {
  std::vector<EncodedEvent> rows;
  for (const Event& event : events) rows.push_back(Encode(event));
  Result<std::int64_t> first = tables_->Append(at, rows, events.front());
  if (!first && tables_->ReleaseReserve()) {
    first = tables_->Append(at, rows, events.front());
  }
  return first;
}

Result<void> SqliteJournal::Replay(
    const std::function<Result<void>(const Record&)>& see) {
  return ReplayRows(1, Texts::kAll, see);
}

Result<void> SqliteJournal::ReplayLean(
    const std::function<Result<void>(const Record&)>& see) {
  return ReplayRows(1, Texts::kKept, see);
}

Result<void> SqliteJournal::ReplayFrom(
    std::int64_t first, const std::function<Result<void>(const Record&)>& see) {
  return ReplayRows(first, Texts::kAll, see);
}

Result<void> SqliteJournal::ReplayRows(
    std::int64_t first, Texts texts,
    const std::function<Result<void>(const Record&)>& see) {
  while (true) {
    Result<std::vector<Row>> rows = tables_->Read(first, kBatch);
    if (!rows) return rows.error();
    if (rows->empty()) return Ok();
    for (Row& row : *rows) {
      if (texts == Texts::kKept && row.event.kind == "asked") {
        DropPrompt(row.event.body);
      }
      Result<Record> record = tables_->ToRecord(row, first++, texts);
      if (!record) return record.error();
      if (Result<void> seen = see(*record); !seen) return seen;
    }
  }
}

Result<Record> SqliteJournal::Read(std::int64_t seq) {
  Result<std::vector<Row>> rows = tables_->Read(seq, 1);
  if (!rows) return rows.error();
  if (!rows->empty()) {
    return tables_->ToRecord(rows->front(), seq, Texts::kAll);
  }
  return Error{.code = ErrorCode::kNotFound,
               .what = fmt::format("there is no record {}", seq)};
}

Result<std::int64_t> SqliteJournal::LastSeq() { return tables_->LastSeq(); }

Result<void> SqliteJournal::EachRow(
    const std::function<void(const RawRow&)>& see) {
  std::int64_t next = 1;
  while (true) {
    Result<std::vector<Row>> rows = tables_->Read(next, kBatch);
    if (!rows) return rows.error();
    if (rows->empty()) return Ok();
    for (Row& row : *rows) {
      see({.seq = row.seq,
           .at = row.at,
           .kind = std::move(row.event.kind),
           .attempt = row.event.attempt,
           .body = std::move(row.event.body)});
    }
    next = rows->back().seq + 1;
  }
}

Result<void> SqliteJournal::EachText(
    const std::function<void(const std::string& name, std::string_view)>& see) {
  return tables_->EachText(see);
}

Result<std::optional<std::string>> SqliteJournal::StoredText(
    const std::string& name) {
  return tables_->StoredText(name);
}

Result<std::vector<Record>> SqliteJournal::TakeInbox(
    WallTime at, const std::function<Event(const std::string& body)>& read) {
  std::vector<Record> records;
  // Looking costs no lock; nearly always there is nothing.
  auto messages = tables_->Inbox();
  if (!messages) return messages.error();
  if (messages->empty()) return records;
  Result<Transaction> transaction = tables_->Begin(Told());
  if (!transaction) return transaction.error();
  for (const auto& [id, body] : *messages) {
    Event event = read(body);
    Result<std::int64_t> seq = tables_->Insert(at, Encode(event));
    if (!seq) return seq.error();
    Result<void> forgotten = tables_->ForgetMessage(id);
    if (!forgotten) return forgotten.error();
    records.push_back(Record{.seq = *seq, .at = at, .event = std::move(event)});
  }
  Result<void> durable = transaction->Commit();
  if (!durable) return durable.error();
  return records;
}

Result<std::unique_ptr<SqliteJournal>> CreateJournal(
    const std::filesystem::path& path, Sync sync) {
  auto journal = SqliteJournal::Tables::Make(
      Database::Create(path, kJournalFormat), path, sync);
  if (journal) (*journal)->tables_->KeepReserve();
  return journal;
}

Result<std::unique_ptr<SqliteJournal>> OpenJournal(
    const std::filesystem::path& path, Sync sync) {
  auto journal = SqliteJournal::Tables::Make(
      Database::Open(path, kJournalFormat), path, sync);
  if (journal) (*journal)->tables_->KeepReserve();
  return journal;
}

Result<std::unique_ptr<SqliteJournal>> OpenJournalForReading(
    const std::filesystem::path& path) {
  return SqliteJournal::Tables::Make(
      Database::OpenForReading(path, kJournalFormat), path, Sync::kEveryRecord);
}

Result<void> SendToInbox(const std::filesystem::path& path, WallTime at,
                         const std::string& body) {
  Result<Database> database = Database::Open(path, kJournalFormat);
  if (!database) return database.error();
  Result<Statement> add =
      database->Prepare("INSERT INTO inbox(at, body) VALUES (?1, ?2)");
  if (!add) return add.error();
  return add->Bind(1, Micros(at)).BindText(2, body).Run();
}

}  // namespace coppice::search
