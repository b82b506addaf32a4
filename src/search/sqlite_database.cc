#include "search/sqlite_database.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <random>
#include <utility>

#include "base/fd.h"
#include "base/text.h"
#include "search/lease.h"

namespace coppice::search {
namespace {

namespace fs = std::filesystem;

constexpr int kBusyMilliseconds = 10'000;

Error SqliteError(sqlite3* handle, int code, const fs::path& path) {
  std::string_view cause;
  switch (code & 0xff) {
    case SQLITE_FULL:
      cause = "the disk is full";
      break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      cause = "the file is damaged or of another kind; it was left as it is";
      break;
    case SQLITE_BUSY:
      cause = "another process holds it";
      break;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
      cause = "it may not be read or written here";
      break;
    default:
      break;
  }
  const char* what =
      handle != nullptr ? sqlite3_errmsg(handle) : sqlite3_errstr(code);
  return Error{
      .code = ErrorCode::kIo,
      .what = fmt::format("{} failed: {}", path.filename().string(), what),
      .where = path.string(),
      .cause = std::string(cause)};
}

// For a file: URI.
std::string EscapePath(const fs::path& path) {
  std::string uri;
  for (char c : path.string()) {
    if (c == '%' || c == '?' || c == '#') {
      uri += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    } else {
      uri += c;
    }
  }
  return uri;
}

Result<void> Place(const fs::path& draft, const fs::path& path,
                   const DatabaseFormat& format) {
  int failure = link(draft.c_str(), path.c_str()) == 0 ? 0 : errno;
  if (failure == EPERM || failure == EOPNOTSUPP) {  // no hard links here
    failure = rename(draft.c_str(), path.c_str()) == 0 ? 0 : errno;
  }
  if (failure == 0) {
    UniqueFd directory(
        open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (directory && fsync(directory.get()) == 0) return Ok();
    failure = errno;
  }
  return Error{.code = ErrorCode::kIo,
               .what = failure == EEXIST
                           ? fmt::format("there is a {} already", format.name)
                           : fmt::format("cannot make the {}: {}", format.name,
                                         std::strerror(failure)),
               .where = path.string()};
}

Result<void> CheckThere(const fs::path& path, const DatabaseFormat& format) {
  std::error_code failure;
  if (fs::exists(path, failure) || failure) return Ok();
  return Error{.code = ErrorCode::kNotFound,
               .what = fmt::format("there is no {}", format.name),
               .where = path.string()};
}

}  // namespace

// ---- Statement -------------------------------------------------------------

void Statement::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Statement& Statement::Bind(int index, std::int64_t value) {
  sqlite3_bind_int64(statement_.get(), index, value);
  return *this;
}

Statement& Statement::Bind(int index, std::optional<std::int64_t> value) {
  if (value) return Bind(index, *value);
  sqlite3_bind_null(statement_.get(), index);
  return *this;
}

Statement& Statement::BindText(int index, std::string_view text) {
  sqlite3_bind_text64(statement_.get(), index, text.data(), text.size(),
                      SQLITE_STATIC, SQLITE_UTF8);
  return *this;
}

Statement& Statement::BindBlob(int index, std::string_view bytes) {
  sqlite3_bind_blob64(statement_.get(), index,
                      bytes.data() == nullptr ? "" : bytes.data(), bytes.size(),
                      SQLITE_STATIC);
  return *this;
}

Result<bool> Statement::Step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  Error error = SqliteError(sqlite3_db_handle(statement_.get()), code, path_);
  Reset();
  return error;
}

Result<void> Statement::Run() {
  Result<bool> stepped = Step();
  Reset();
  if (!stepped) return stepped.error();
  return Ok();
}

void Statement::Reset() {
  sqlite3_reset(statement_.get());
  sqlite3_clear_bindings(statement_.get());
}

std::int64_t Statement::Integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

bool Statement::IsNull(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

std::string_view Statement::Bytes(int column) const {
  const auto* bytes =
      static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
  const int size = sqlite3_column_bytes(statement_.get(), column);
  if (bytes == nullptr) return {};
  return {bytes, static_cast<std::size_t>(size)};
}

// ---- Database --------------------------------------------------------------

void Database::Close::operator()(sqlite3* database) const {
  sqlite3_close_v2(database);
}

Result<Database> Database::Connect(const fs::path& path, int flags) {
  const bool immutable = (flags & SQLITE_OPEN_URI) != 0;
  const std::string name =
      immutable ? "file:" + EscapePath(path) + "?immutable=1" : path.string();
  Database database;
  database.path_ = path;
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(
      name.c_str(), &handle,
      flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  database.handle_.reset(handle);
  if (code != SQLITE_OK) return SqliteError(handle, code, path);
  sqlite3_busy_timeout(handle, kBusyMilliseconds);
  return database;
}

// Made under a name of its own and then linked into place, whole: whoever sees
// the file sees its tables, and a crash leaves nothing half made behind it.
Result<Database> Database::Create(const fs::path& path,
                                  const DatabaseFormat& format) {
  const fs::path draft = fmt::format("{}.new-{}-{:08x}", path.string(),
                                     getpid(), std::random_device()());
  Result<void> made = Make(draft, format);
  const Result<void> placed = made ? Place(draft, path, format) : made;
  std::error_code ignored;
  fs::remove(draft, ignored);
  if (!placed) return placed.error();
  return Open(path, format);
}

Result<void> Database::Make(const fs::path& path,
                            const DatabaseFormat& format) {
  Result<Database> database =
      Connect(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  if (!database) return database.error();
  if (auto done = database->Configure(format); !done) return done;
  return database->Execute(fmt::format(
      "BEGIN IMMEDIATE;"
      "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL);"
      "{};"
      "INSERT INTO meta VALUES ('format', '{}'), ('coppice', '{}');"
      "PRAGMA application_id = {};"
      "COMMIT;",
      format.schema, format.version, COPPICE_VERSION, format.application_id));
}

Result<Database> Database::Open(const fs::path& path,
                                const DatabaseFormat& format) {
  if (auto there = CheckThere(path, format); !there) return there.error();
  Result<Database> database = Connect(path, SQLITE_OPEN_READWRITE);
  if (!database) return database;
  if (auto fits = database->CheckFormat(format); !fits) return fits.error();
  if (auto done = database->Configure(format); !done) return done.error();
  return database;
}

// A log beside the file is read through its shared index, which a read-only
// directory may lack. Where there is no log either, nobody is writing, and the
// file alone is the whole truth.
Result<Database> Database::OpenForReading(const fs::path& path,
                                          const DatabaseFormat& format) {
  if (auto there = CheckThere(path, format); !there) return there.error();
  Result<Database> database = Connect(path, SQLITE_OPEN_READONLY);
  if (!database) return database;
  Result<std::int64_t> tables =
      database->ReadInteger("SELECT count(*) FROM sqlite_schema");
  std::error_code missing;
  const auto log = fs::file_size(path.string() + "-wal", missing);
  if (!tables && (missing || log == 0)) {
    database = Connect(path, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
    if (!database) return database;
  }
  if (auto fits = database->CheckFormat(format); !fits) return fits.error();
  return database;
}

Result<void> Database::Configure(const DatabaseFormat& format) {
  const bool network = OnNetworkFileSystem(path_.parent_path());
  // Records are appended and seldom read: its cache would only fill. What is
  // looked up is mostly young, or in the system's own cache.
  return Execute(
      fmt::format("PRAGMA cache_size = -128; PRAGMA journal_mode = {}; "
                  "PRAGMA synchronous = {};",
                  network ? "TRUNCATE" : "WAL", format.synchronous));
}

Result<void> Database::CheckFormat(const DatabaseFormat& format) {
  Result<std::int64_t> id = ReadInteger("PRAGMA application_id");
  if (!id) return id.error();
  if (*id != format.application_id) {
    return Error{.code = ErrorCode::kIo,
                 .what = fmt::format("not a {} of coppice", format.name),
                 .where = path_.string(),
                 .cause =
                     "the file is foreign or was cut; it was left as it "
                     "is"};
  }
  Result<std::string> version = ReadMeta("format");
  if (!version) return version.error();
  const std::optional<double> number = ParseNumber(*version);
  if (number && *number <= format.version) return Ok();
  Result<std::string> writer = ReadMeta("coppice");
  return Error{.code = ErrorCode::kIo,
               .what = fmt::format("the {} has format {}, this program reads "
                                   "up to {}",
                                   format.name, *version, format.version),
               .where = path_.string(),
               .cause = fmt::format("coppice {} wrote it",
                                    writer ? *writer : "of a later version"),
               .next = "use that version or a later one"};
}

Result<std::int64_t> Database::ReadInteger(std::string_view sql) {
  Result<Statement> statement = Prepare(sql);
  if (!statement) return statement.error();
  Result<bool> row = statement->Step();
  if (!row) return row.error();
  return *row ? statement->Integer(0) : 0;
}

Result<std::string> Database::ReadMeta(std::string_view key) {
  Result<Statement> statement =
      Prepare("SELECT value FROM meta WHERE key = ?1");
  if (!statement) return statement.error();
  Result<bool> row = statement->BindText(1, key).Step();
  if (!row) return row.error();
  if (!*row) {
    return Error{.code = ErrorCode::kIo,
                 .what = fmt::format("the table meta lacks \"{}\"", key),
                 .where = path_.string()};
  }
  return std::string(statement->Bytes(0));
}

Result<Statement> Database::Prepare(std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v3(handle_.get(), sql.data(),
                                      static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  if (code != SQLITE_OK) return Failure();
  Statement statement;
  statement.statement_.reset(raw);
  statement.path_ = path_.string();
  return statement;
}

Result<void> Database::Execute(const std::string& sql) {
  const int code =
      sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return Failure();
  return Ok();
}

std::int64_t Database::LastRowId() const {
  return sqlite3_last_insert_rowid(handle_.get());
}

Error Database::Failure() const {
  return SqliteError(handle_.get(), sqlite3_extended_errcode(handle_.get()),
                     path_);
}

// ---- Transaction -----------------------------------------------------------

Result<Transaction> Transaction::Begin(Database& database) {
  Result<void> begun = database.Execute("BEGIN IMMEDIATE");
  if (!begun) return begun.error();
  return Transaction(database);
}

Transaction::~Transaction() {
  // SQLite may have rolled back by itself; that is as well.
  if (database_ != nullptr) (void)database_->Execute("ROLLBACK");
}

Result<void> Transaction::Commit() {
  Result<void> done = database_->Execute("COMMIT");
  if (done) database_ = nullptr;
  return done;
}

}  // namespace coppice::search
