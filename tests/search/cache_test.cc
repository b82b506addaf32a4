#include <doctest/doctest.h>
#include <sqlite3.h>

#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "search/event.h"
#include "search/sqlite_cache.h"
#include "support/memory_cache.h"
#include "support/sample_events.h"
#include "support/temp_dir.h"

namespace coppice::search {
namespace {

namespace fs = std::filesystem;
using testing::TempDir;
using testing::WriteFile;

ObjectId Tree(int number) {
  ObjectId id;
  id.bytes[0] = static_cast<std::uint8_t>(number);
  return id;
}

eval::Sample Taken(double seconds) {
  eval::Sample sample;
  sample.metrics = {{"seconds", seconds}};
  return sample;
}

std::unique_ptr<MeasurementCache> Open(const fs::path& path,
                                       const std::string& evaluation = "e",
                                       const std::string& environment = "v") {
  return OpenCache(path, evaluation, environment).value();
}

// The contract, for the real one and for the fake.
void CheckContract(MeasurementCache& cache) {
  CHECK(cache.Find(Tree(1)).empty());
  cache.Store(Tree(1), {Taken(3), Taken(4)});
  cache.Store(Tree(2), {Taken(5)});
  const std::vector<eval::Sample> found = cache.Find(Tree(1));
  REQUIRE(found.size() == 2);
  CHECK(found[1].metrics.at("seconds") == 4);
  CHECK(found[0].cached);
  CHECK(found[1].cached);
  cache.Store(Tree(1), {Taken(6)});
  REQUIRE(cache.Find(Tree(1)).size() == 1);
  CHECK(cache.Find(Tree(1))[0].metrics.at("seconds") == 6);
  CHECK(cache.Find(Tree(2)).size() == 1);
}

TEST_CASE("a cache gives back what a tree measured, marked as cached") {
  SUBCASE("on disk") {
    const TempDir dir;
    CheckContract(*Open(dir / "cache.db"));
  }
  SUBCASE("in memory") {
    testing::MemoryCache cache;
    CheckContract(cache);
  }
}

TEST_CASE("samples are kept whole across processes' lives") {
  const TempDir dir;
  const auto sampled = std::get<Sampled>(testing::AllKinds()[6]);
  Open(dir / "cache.db")->Store(Tree(1), {sampled.sample});
  const auto found = Open(dir / "cache.db")->Find(Tree(1));
  REQUIRE(found.size() == 1);
  CHECK(EncodeSample(found[0]) == EncodeSample(sampled.sample));
}

TEST_CASE("another evaluation or environment knows nothing of it") {
  const TempDir dir;
  const fs::path path = dir / "cache.db";
  Open(path, "e", "v")->Store(Tree(1), {Taken(3)});
  CHECK(Open(path, "e", "v")->Find(Tree(1)).size() == 1);
  CHECK(Open(path, "f", "v")->Find(Tree(1)).empty());
  CHECK(Open(path, "e", "w")->Find(Tree(1)).empty());
}

TEST_CASE("many owners may make, fill and read one cache at once") {
  const TempDir dir;
  const fs::path path = dir / "cache.db";
  constexpr int kOwners = 4;
  constexpr int kTrees = 40;
  std::vector<std::thread> owners;
  for (int owner = 0; owner < kOwners; ++owner) {
    owners.emplace_back([&, owner] {
      auto cache = Open(path);
      for (int i = 0; i < kTrees; ++i) {
        cache->Store(Tree(i), {Taken(i), Taken(i)});
        cache->Store(Tree(100 + owner), {Taken(i)});
        (void)cache->Find(Tree(i));
      }
    });
  }
  for (std::thread& owner : owners) owner.join();
  auto cache = Open(path);
  for (int i = 0; i < kTrees; ++i) CHECK(cache->Find(Tree(i)).size() == 2);
  for (int owner = 0; owner < kOwners; ++owner) {
    REQUIRE(cache->Find(Tree(100 + owner)).size() == 1);
    CHECK(cache->Find(Tree(100 + owner))[0].metrics.at("seconds") ==
          kTrees - 1);
  }
}

TEST_CASE("a foreign file is refused, a row that makes no sense is not known") {
  const TempDir dir;
  WriteFile(dir / "foreign.db", "hello");
  CHECK_FALSE(OpenCache(dir / "foreign.db", "e", "v").has_value());
  CHECK(testing::ReadFile(dir / "foreign.db") == "hello");

  const fs::path path = dir / "cache.db";
  auto cache = Open(path);
  cache->Store(Tree(1), {Taken(3)});
  sqlite3* handle = nullptr;
  REQUIRE(sqlite3_open(path.c_str(), &handle) == SQLITE_OK);
  CHECK(sqlite3_exec(handle, "UPDATE samples SET body = '[1]'", nullptr,
                     nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(handle);
  CHECK(cache->Find(Tree(1)).empty());
}

}  // namespace
}  // namespace coppice::search
