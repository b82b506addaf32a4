#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

// A thin layer over SQLite, for the journal and the cache: handles that close
// themselves, and every failure as an Error that names the file.

namespace coppice::search {

// One prepared statement, used again and again: Bind..., Step..., Reset.
class Statement {
 public:
  Statement() = default;

  Statement& Bind(int index, std::int64_t value);
  Statement& Bind(int index, std::optional<std::int64_t> value);
  // Borrowed: must stay unchanged until Reset.
  Statement& BindText(int index, std::string_view text);
  Statement& BindBlob(int index, std::string_view bytes);

  // True: there is a row to look at.
  Result<bool> Step();
  // For statements without rows; resets.
  Result<void> Run();
  void Reset();

  std::int64_t Integer(int column) const;
  bool IsNull(int column) const;
  // Text or bytes; valid until the next Step or Reset.
  std::string_view Bytes(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  std::string path_;
};

// What kind of file it has to be.
struct DatabaseFormat {
  std::string_view name;  // "journal"
  std::int64_t application_id = 0;
  int version = 1;               // `format` in the table meta
  std::string_view schema;       // of a new one, without meta
  std::string_view synchronous;  // FULL, NORMAL
};

// One connection. Readers never block a writer for longer than one statement.
class Database {
 public:
  // A new file, there whole or not at all; kIo if there is one already.
  static Result<Database> Create(const std::filesystem::path& path,
                                 const DatabaseFormat& format);
  // Refuses foreign and newer files, naming what they are; changes nothing.
  // kNotFound if there is no file.
  static Result<Database> Open(const std::filesystem::path& path,
                               const DatabaseFormat& format);
  static Result<Database> OpenForReading(const std::filesystem::path& path,
                                         const DatabaseFormat& format);

  Result<Statement> Prepare(std::string_view sql);
  Result<void> Execute(const std::string& sql);
  std::int64_t LastRowId() const;

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };

  static Result<void> Make(const std::filesystem::path& path,
                           const DatabaseFormat& format);
  static Result<Database> Connect(const std::filesystem::path& path, int flags);
  Result<void> Configure(const DatabaseFormat& format);
  Result<void> CheckFormat(const DatabaseFormat& format);
  Result<std::int64_t> ReadInteger(std::string_view sql);
  Result<std::string> ReadMeta(std::string_view key);
  Error Failure() const;

  std::filesystem::path path_;
  std::unique_ptr<sqlite3, Close> handle_;
};

// Everything between construction and Commit, or nothing.
class Transaction {
 public:
  static Result<Transaction> Begin(Database& database);
  Transaction(Transaction&& other) noexcept
      : database_(std::exchange(other.database_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  Result<void> Commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}
  Database* database_;
};

}  // namespace coppice::search
