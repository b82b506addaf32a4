#include "search/sqlite_cache.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"
#include "base/log.h"
#include "search/event.h"
#include "search/sqlite_database.h"

namespace coppice::search {
namespace {

namespace fs = std::filesystem;

constexpr DatabaseFormat kCacheFormat{
    .name = "measurement cache",
    .application_id = 0x636f7063,  // "copc"
    .version = 1,
    .schema = R"sql(
CREATE TABLE samples(tree TEXT NOT NULL, evaluation TEXT NOT NULL,
                     environment TEXT NOT NULL, body TEXT NOT NULL,
                     PRIMARY KEY (tree, evaluation, environment)) WITHOUT ROWID
)sql",
    // A sample lost with the power is measured again.
    .synchronous = "NORMAL"};

class SqliteCache final : public MeasurementCache {
 public:
  SqliteCache(Database database, std::string evaluation,
              std::string environment)
      : database_(std::move(database)),
        evaluation_(std::move(evaluation)),
        environment_(std::move(environment)) {}

  Result<void> Prepare() {
    auto find = database_.Prepare(
        "SELECT body FROM samples WHERE tree = ?1 AND evaluation = ?2 AND "
        "environment = ?3");
    if (!find) return find.error();
    find_ = std::move(*find);
    auto store = database_.Prepare(
        "INSERT OR REPLACE INTO samples VALUES (?1, ?2, ?3, "
        "?4)");
    if (!store) return store.error();
    store_ = std::move(*store);
    return Ok();
  }

  std::vector<eval::Sample> Find(ObjectId tree) override {
    const std::string key = tree.Hex();
    Result<bool> found = BindKey(find_, key).Step();
    if (!found) {
      LogWarning(found.error().Text());
      return {};
    }
    const std::string body(*found ? find_.Bytes(0) : "[]");
    find_.Reset();
    Result<std::vector<eval::Sample>> samples = Read(body);
    if (samples) return std::move(*samples);
    LogWarning("measurement cache, tree " + key + ": " +
               samples.error().Text());
    return {};
  }

  void Store(ObjectId tree, const std::vector<eval::Sample>& samples) override {
    Json body = Json::array();
    for (const eval::Sample& sample : samples) {
      body.push_back(EncodeSample(sample));
    }
    const std::string key = tree.Hex();
    const std::string text = DumpCanonical(body);
    Result<void> stored = BindKey(store_, key).BindText(4, text).Run();
    if (!stored) LogWarning(stored.error().Text());
  }

 private:
  Statement& BindKey(Statement& statement, const std::string& tree) {
    return statement.BindText(1, tree)
        .BindText(2, evaluation_)
        .BindText(3, environment_);
  }

  static Result<std::vector<eval::Sample>> Read(const std::string& body) {
    Result<Json> json = ParseJson(body, "samples");
    if (!json) return json.error();
    std::vector<eval::Sample> samples;
    for (const Json& item : *json) {
      if (!item.is_string()) {
        return Error{.code = ErrorCode::kIo, .what = "no list of samples"};
      }
      auto sample = DecodeSample(item.get_ref<const std::string&>());
      if (!sample) return sample.error();
      sample->cached = true;
      samples.push_back(std::move(*sample));
    }
    return samples;
  }

  Database database_;  // outlives its statements
  const std::string evaluation_;
  const std::string environment_;
  Statement find_;
  Statement store_;
};

}  // namespace

Result<std::unique_ptr<MeasurementCache>> OpenCache(const fs::path& path,
                                                    std::string evaluation,
                                                    std::string environment) {
  Result<Database> database = Database::Open(path, kCacheFormat);
  if (!database && database.error().code == ErrorCode::kNotFound) {
    database = Database::Create(path, kCacheFormat);
    // Of two processes that make it at once the second opens the first's.
    if (!database && fs::exists(path)) {
      database = Database::Open(path, kCacheFormat);
    }
  }
  if (!database) return database.error();
  auto cache = std::make_unique<SqliteCache>(
      std::move(*database), std::move(evaluation), std::move(environment));
  if (Result<void> ready = cache->Prepare(); !ready) return ready.error();
  return std::unique_ptr<MeasurementCache>(std::move(cache));
}

}  // namespace coppice::search
