#include "vcs/carried.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "base/file.h"
#include "vcs/git_fixture.h"

namespace coppice::vcs {
namespace {
namespace fs = std::filesystem;

using testing::GitFixture;
using testing::Must;

struct Carried {
  Carried() {
    git.Write("src/a.txt", "one\n");
    git.Write("src/deep/b.txt", "two\n");
    git.Write(".gitignore", "built/\n");
    base = *ObjectId::FromHex(git.Commit("base"));
    store = Must(OpenStore(Must(FindRepository(git.repo()))));
    CommitRequest request;
    request.parents = {base};
    request.changes = {{.path = "src/deep/b.txt", .content = "other\n"}};
    request.message = "node";
    node = Must(store->Commit(request)).commit;  // in memory alone
    packs = {.base = git.scratch("base.pack"),
             .commit = git.scratch("node.pack"),
             .kept = git.scratch("kept"),
             .exclude = "*.tmp\n",
             .id = "0123456789abcdef"};
    Must(store->WritePack(base, std::nullopt, packs.base));
    Must(store->WritePack(node, base, packs.commit));
  }

  GitFixture git;
  ObjectId base, node;
  std::unique_ptr<Store> store;
  CarriedPacks packs;
};

TEST_CASE("a commit that was carried holds the files of the one at home") {
  Carried world;
  auto there = Must(
      MakeCarriedStore(world.git.scratch("there"), world.packs, world.base));
  for (const ObjectId commit : {world.base, world.node}) {
    CHECK(Must(there->TreeIdOf(commit)) == Must(world.store->TreeIdOf(commit)));
    for (const TreeEntry& file : Must(world.store->Files(commit))) {
      CHECK(Must(there->ReadFile(commit, file.path)) ==
            Must(world.store->ReadFile(commit, file.path)));
    }
  }
  CHECK(Must(there->Changes(world.base, world.node)).size() == 1);
  CHECK(there->places().id == world.packs.id);
}

TEST_CASE("git's ignore rules travel with the base") {
  Carried world;
  auto there = Must(
      MakeCarriedStore(world.git.scratch("there"), world.packs, world.base));
  CHECK(Must(there->Ignored("built/x")));
  CHECK(Must(there->Ignored("x.tmp")));
  CHECK_FALSE(Must(there->Ignored("src/a.txt")));
}

TEST_CASE("a pack of a node holds what the base does not have, no history") {
  Carried world;
  for (int i = 0; i < 50; ++i) {
    world.git.Write("more/" + std::to_string(i), std::to_string(i * 7919));
  }
  const ObjectId wide = *ObjectId::FromHex(world.git.Commit("wide"));
  CommitRequest request;
  request.parents = {wide};
  request.changes = {{.path = "src/a.txt", .content = "changed\n"}};
  const ObjectId node = Must(world.store->Commit(request)).commit;
  const fs::path pack = world.git.scratch("small.pack");
  Must(world.store->WritePack(node, wide, pack));
  // A commit, two trees and a blob.
  CHECK(ReadWhole(pack).value().substr(8, 4) == std::string("\0\0\0\4", 4));
}

TEST_CASE("two workers may unpack one base at once, and a second time") {
  Carried world;
  auto one =
      Must(MakeCarriedStore(world.git.scratch("one"), world.packs, world.base));
  auto two =
      Must(MakeCarriedStore(world.git.scratch("two"), world.packs, world.base));
  auto again =
      Must(MakeCarriedStore(world.git.scratch("one"), world.packs, world.base));
  CHECK(two->Has(world.node));
  CHECK(again->Has(world.node));
}

TEST_CASE("a pack that was cut off is refused") {
  Carried world;
  const std::string whole = ReadWhole(world.packs.commit).value();
  testing::WriteFile(world.packs.commit, whole.substr(0, whole.size() / 2));
  CHECK_FALSE(
      MakeCarriedStore(world.git.scratch("there"), world.packs, world.base)
          .has_value());
}

}  // namespace
}  // namespace coppice::vcs
