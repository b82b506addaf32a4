#include "vcs/hunks.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>

#include "base/rng.h"
#include "vcs/git_fixture.h"

namespace coppice::vcs {
namespace {

using testing::GitFixture;
using testing::Must;

std::string Numbered(int lines, const std::vector<int>& changed = {}) {
  std::string text;
  for (int i = 1; i <= lines; ++i) {
    text += std::ranges::count(changed, i) > 0 ? "changed " : "line ";
    text += std::to_string(i) + "\n";
  }
  return text;
}

struct World : GitFixture {
  World() {
    Write("long.txt", Numbered(60));
    Write("other.txt", Numbered(20));
    Write("gone.txt", "soon\n");
    base_name = GitFixture::Commit("base");
    store = Must(OpenStore(Must(FindRepository(repo()))));
    base = Must(store->Resolve("HEAD"));
  }

  ObjectId Make(std::vector<FileChange> changes) {
    CommitRequest request;
    request.parents = {base};
    request.changes = std::move(changes);
    request.message = "a change\n";
    const ObjectId commit = Must(store->Commit(request)).commit;
    Must(store->Flush());
    return commit;
  }

  std::string ReadFile(ObjectId commit, const std::string& path) {
    return Must(store->ReadFile(commit, path));
  }

  std::string base_name;
  std::unique_ptr<Store> store;
  ObjectId base;
};

std::vector<std::size_t> Everything(const Hunks& hunks) {
  std::vector<std::size_t> all(hunks.all().size());
  std::iota(all.begin(), all.end(), 0);
  return all;
}

}  // namespace

TEST_CASE("a change falls into the hunks that git shows") {
  World world;
  const ObjectId commit =
      world.Make({{"long.txt", Numbered(60, {2, 8, 30, 37, 45})},
                  {"other.txt", Numbered(20, {20})}});
  const Hunks hunks = Must(Hunks::Between(*world.store, world.base, commit));
  // 2 and 8 share one, 30 and 37 share one; 45 and the other file's do not.
  CHECK(hunks.all().size() == 4);
  const std::string shown =
      world.Git("diff " + world.base.Hex() + " " + commit.Hex(),
                world.store->places().common_dir / "coppice" / "store.git");
  std::size_t count = 0;
  for (std::size_t at = 0; (at = shown.find("\n@@ ", at)) != std::string::npos;
       ++at) {
    ++count;
  }
  CHECK(count == hunks.all().size());
}

TEST_CASE(
    "all hunks make the whole change, none the base, some what they are") {
  World world;
  const ObjectId commit =
      world.Make({{"long.txt", Numbered(60, {5, 30, 55}) + "a new end"},
                  {"gone.txt", std::nullopt},
                  {"new/file.txt", "fresh\n"}});
  const Hunks hunks = Must(Hunks::Between(*world.store, world.base, commit));
  REQUIRE(hunks.all().size() == 5);
  CHECK(Must(hunks.Compose(Everything(hunks))).tree ==
        Must(world.store->TreeIdOf(commit)));
  CHECK(Must(hunks.Compose({})).tree ==
        Must(world.store->TreeIdOf(world.base)));
  const std::size_t kept[] = {0, 2};  // gone.txt; the second of long.txt
  CHECK(hunks.all()[0].path == "gone.txt");
  const auto part = Must(hunks.Compose(kept));
  CHECK(world.ReadFile(part.commit, "long.txt") == Numbered(60, {30}));
  CHECK_FALSE(world.store->ReadFile(part.commit, "gone.txt").has_value());
  CHECK_FALSE(world.store->ReadFile(part.commit, "new/file.txt").has_value());
  // Named by what is in it, and kept by the store of the next process.
  CHECK(Must(hunks.Compose(kept)).commit == part.commit);
  const auto again = Must(OpenStore(Must(FindRepository(world.repo()))));
  CHECK(Must(again->TreeIdOf(part.commit)) == part.tree);
}

TEST_CASE("a binary file and one of another mode are each one hunk") {
  World world;
  const std::string binary(3000, '\0');
  const ObjectId commit =
      world.Make({{"long.txt", Numbered(60, {1}) + binary}, {"other.txt", ""}});
  const Hunks hunks = Must(Hunks::Between(*world.store, world.base, commit));
  REQUIRE(hunks.all().size() == 2);
  CHECK(hunks.all()[0].whole_file);
  CHECK_FALSE(hunks.all()[1].whole_file);
  CHECK(Must(hunks.Compose(Everything(hunks))).tree ==
        Must(world.store->TreeIdOf(commit)));
}

TEST_CASE("a directory cannot come where its file stays") {
  World world;
  const ObjectId commit = world.Make(
      {{"gone.txt", std::nullopt}, {"gone.txt/inside.txt", "now below\n"}});
  const Hunks hunks = Must(Hunks::Between(*world.store, world.base, commit));
  REQUIRE(hunks.all().size() == 2);
  const std::size_t below[] = {1};
  const auto part = hunks.Compose(below);
  REQUIRE_FALSE(part.has_value());
  CHECK(part.error().code == ErrorCode::kConflict);
}

TEST_CASE("every part of random edits is the base with those hunks alone") {
  World world;
  Rng rng(7);
  for (int round = 0; round < 20; ++round) {
    std::vector<std::string> lines;
    for (int i = 1; i <= 60; ++i) {
      const std::string line = "line " + std::to_string(i);
      const std::uint64_t draw = rng.Below(12);
      if (draw == 0) continue;
      lines.push_back(draw == 1 ? "other " + std::to_string(i) : line);
      if (draw == 2) lines.push_back("more after " + std::to_string(i));
    }
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    const ObjectId commit = world.Make({{"long.txt", text}});
    const Hunks hunks = Must(Hunks::Between(*world.store, world.base, commit));
    std::vector<std::size_t> odd, even;
    for (std::size_t i = 0; i < hunks.all().size(); ++i) {
      (i % 2 == 0 ? even : odd).push_back(i);
    }
    // Both halves together, merged by git's own rule, are the whole.
    const auto a = Must(hunks.Compose(even));
    const auto b = Must(hunks.Compose(odd));
    const auto merged = Must(world.store->Merge(a.commit, b.commit));
    REQUIRE(merged.conflicts.empty());
    CHECK(Must(world.store->TreeOf(a.commit, merged.changes)) ==
          Must(world.store->TreeIdOf(commit)));
  }
}

TEST_CASE("an earlier step is seen through the places that are kept") {
  World world;
  const ObjectId first =
      world.Make({{"long.txt", Numbered(60, {5, 30})}, {"new.txt", "draft\n"}});
  std::string later = Numbered(60, {5, 50});
  later.replace(later.find("changed 5\n"), 10, "changed again 5\n");
  const ObjectId last =
      world.Make({{"long.txt", later}, {"new.txt", "done\n"}});
  const Hunks early = Must(Hunks::Between(*world.store, world.base, first));
  const Hunks hunks = Must(Hunks::Between(*world.store, world.base, last));
  REQUIRE(early.all().size() == 3);  // lines 5 and 30, new.txt
  REQUIRE(hunks.all().size() == 3);  // lines 5 and 50, new.txt
  using Indexes = std::vector<std::size_t>;
  CHECK(early.Inside(hunks, Indexes{0, 1, 2}) == Indexes{0, 2});
  CHECK(early.Inside(hunks, Indexes{1}) == Indexes{});
  CHECK(early.Inside(hunks, Indexes{2}) == Indexes{2});
}

}  // namespace coppice::vcs
