#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "vcs/git_fixture.h"
#include "vcs/store.h"

namespace coppice::vcs {
namespace {

using testing::GitFixture;
using testing::Must;
namespace fs = std::filesystem;

constexpr char kRun[] = "20260901-220000-abc";

std::unique_ptr<Store> OpenFor(const GitFixture& user) {
  return *OpenStore(*FindRepository(user.repo()));
}

TEST_CASE("the repository is found from a directory inside it") {
  GitFixture user;
  user.Write("sub/dir/file", "x");
  RepositoryPlaces places = *FindRepository(user.repo() / "sub/dir");
  CHECK(places.work_dir == fs::canonical(user.repo()));
  CHECK(places.common_dir == fs::canonical(user.repo() / ".git"));
  CHECK(places.id.size() == 16);
  CHECK_FALSE(places.bare);
  CHECK_FALSE(places.has_commits);
  user.Commit("first");
  CHECK(FindRepository(user.repo())->has_commits);
  CHECK(FindRepository(user.repo())->id == places.id);
}

TEST_CASE("a linked worktree shares the store of its repository") {
  GitFixture user;
  user.Write("file", "x");
  user.Commit("first");
  user.Git("worktree add -q ../other");
  const RepositoryPlaces places = *FindRepository(user.scratch("other"));
  CHECK(places.work_dir == fs::canonical(user.scratch("other")));
  CHECK(places.common_dir == fs::canonical(user.repo() / ".git"));
  CHECK(places.id == FindRepository(user.repo())->id);
}

TEST_CASE("a bare repository is recognised, and none at all is not found") {
  GitFixture user;
  user.Write("file", "x");
  user.Commit("first");
  user.Git("clone -q --bare . ../bare.git");
  const RepositoryPlaces places = *FindRepository(user.scratch("bare.git"));
  CHECK(places.bare);
  CHECK(places.has_commits);
  CHECK(places.work_dir.empty());
  testing::TempDir nowhere;
  CHECK(FindRepository(nowhere.path()).error().code == ErrorCode::kNotFound);
}

TEST_CASE("revisions resolve as git resolves them") {
  GitFixture user;
  user.Write("file", "1");
  const std::string first = user.Commit("first");
  user.Write("file", "2");
  const std::string second = user.Commit("second");
  user.Git("tag -a -m note v1 HEAD~1");
  const std::unique_ptr<Store> store = OpenFor(user);
  CHECK(store->Resolve("HEAD")->Hex() == second);
  CHECK(store->Resolve("main~1")->Hex() == first);
  CHECK(store->Resolve("v1")->Hex() == first);
  CHECK(store->Resolve(first.substr(0, 10))->Hex() == first);
  CHECK(store->Resolve("HEAD:file").error().code == ErrorCode::kNotFound);
}

TEST_CASE("dirty files are named, staged or not, and nothing is written") {
  GitFixture user;
  user.Write("clean", "x\n");
  user.Write("changed", "x\n");
  user.Write("staged", "x\n");
  user.Write("staged then reverted", "x\n");
  user.Write("removed", "x\n");
  user.Commit("first");
  user.Write("changed", "y\n");
  user.Write("staged", "y\n");
  user.Git("add staged");
  user.Write("staged then reverted", "y\n");
  user.Git("add 'staged then reverted'");
  user.Write("staged then reverted", "x\n");
  fs::remove(user.repo() / "removed");
  user.Write("untracked", "x\n");
  fs::last_write_time(user.repo() / "clean", fs::file_time_type::clock::now());
  const auto before = user.Fingerprint();
  const std::unique_ptr<Store> store = OpenFor(user);
  const std::vector<std::string> files{
      "clean",   "changed",   "staged", "staged then reverted",
      "removed", "untracked", "absent"};
  CHECK(*store->DirtyFiles(*store->Resolve("HEAD"), files) ==
        std::vector<std::string>{"changed", "staged", "staged then reverted",
                                 "removed", "untracked"});
  CHECK(user.Fingerprint() == before);
}

TEST_CASE("files that git converts on checkout are not dirty for that") {
  GitFixture user;
  user.Write(".gitattributes", "*.txt text eol=crlf\n");
  user.Write("a.txt", "one\r\ntwo\r\n");
  user.Commit("first");
  const std::unique_ptr<Store> store = OpenFor(user);
  const std::vector<std::string> files{"a.txt"};
  CHECK(store->DirtyFiles(*store->Resolve("HEAD"), files)->empty());
  user.Write("a.txt", "one\r\nTWO\r\n");
  CHECK(store->DirtyFiles(*store->Resolve("HEAD"), files)->size() == 1);
}

TEST_CASE("git's ignore rules hold, nested ones too") {
  GitFixture user;
  user.Write(".gitignore", "build/\n*.o\n!keep.o\n");
  user.Write("src/.gitignore", "/gen*.h\n");
  user.Commit("first");
  const std::unique_ptr<Store> store = OpenFor(user);
  CHECK(*store->Ignored("build/deep/x.txt"));
  CHECK(*store->Ignored("src/x.o"));
  CHECK_FALSE(*store->Ignored("src/keep.o"));
  CHECK(*store->Ignored("src/gen1.h"));
  CHECK_FALSE(*store->Ignored("src/sub/gen1.h"));
  CHECK_FALSE(*store->Ignored("src/main.cc"));
}

TEST_CASE("all that is the user's stays byte for byte as it was") {
  GitFixture user;
  user.Write("a.txt", "one\n");
  user.Write("b.txt", "two\n");
  user.Commit("first");
  user.Git("branch other");
  testing::WriteFile(user.repo() / ".git/hooks/post-commit",
                     "#!/bin/sh\ntouch hook-ran\n");
  fs::permissions(user.repo() / ".git/hooks/post-commit", fs::perms::all);
  user.Write("a.txt", "stashed\n");
  user.Git("stash -q");
  user.Write("a.txt", "staged\n");
  user.Git("add a.txt");
  user.Write("b.txt", "dirty\n");
  user.Write("untracked", "mine\n");
  const auto before = user.Fingerprint();
  const std::string refs = user.Git("for-each-ref");
  std::unique_ptr<Store> store = OpenFor(user);
  const ObjectId base = *store->Resolve("HEAD");
  Must(store->PinBase(kRun, base));
  CommitRequest request;
  request.parents = {base};
  request.changes = {{"a.txt", "three\n"}, {"c.txt", "new\n"}};
  const ObjectId made = store->Commit(request)->commit;
  Must(store->Flush());
  Must(store->PublishBest(kRun, made));
  const std::vector<ObjectId> keep{made};
  Must(store->Repack(keep));
  CHECK(user.Fingerprint() == before);
  CHECK(user.Git("for-each-ref --format='%(refname)' refs/coppice") ==
        fmt::format("refs/coppice/{}\n", kRun));
  CHECK(Trim(user.Git("rev-parse refs/coppice/" + std::string(kRun))) ==
        base.Hex());
  CHECK(user.Git("branch --contains " + base.Hex() + " --list other") ==
        "  other\n");
  Must(store->Unpin(kRun));
  Must(store->Unpin(kRun));
  CHECK(user.Git("for-each-ref") == refs);
  CHECK(user.Fingerprint() == before);
}

TEST_CASE("nodes survive the user's gc, also of a base no branch holds") {
  GitFixture user;
  user.Write("a.txt", "one\n");
  user.Write("big.txt", std::string(100'000, 'x'));
  user.Commit("first");
  user.Git("checkout -q --detach");
  user.Write("a.txt", "only here\n");
  user.Commit("second");
  // A blob that nothing of the user's refers to, equal to one of ours.
  user.Write("loose", "a dangling blob\n");
  user.Git("hash-object -w loose");
  std::unique_ptr<Store> store = OpenFor(user);
  const ObjectId base = *store->Resolve("HEAD");
  Must(store->PinBase(kRun, base));
  CommitRequest request;
  request.parents = {base};
  request.changes = {{"b.txt", "a dangling blob\n"}};
  const ObjectId first = store->Commit(request)->commit;
  Must(store->Flush());
  user.Git("checkout -q main");
  user.Git("reflog expire --expire=now --expire-unreachable=now --all");
  user.Git("gc -q --prune=now");
  CHECK(*store->ReadFile(first, "b.txt") == "a dangling blob\n");
  CHECK(*store->ReadFile(first, "a.txt") == "only here\n");
  request.parents = {first};
  request.changes = {{"a.txt", "after gc\n"}};
  const ObjectId second = store->Commit(request)->commit;
  Must(store->Flush());
  store = OpenFor(user);
  CHECK(*store->ReadFile(second, "a.txt") == "after gc\n");
  CHECK(store->ReadFile(second, "big.txt")->size() == 100'000);
  CHECK(user.Fsck(user.store()) == "");
}

TEST_CASE("the store moves with the repository") {
  GitFixture user;
  user.Write("a.txt", "one\n");
  user.Commit("first");
  std::unique_ptr<Store> store = OpenFor(user);
  CommitRequest request;
  request.parents = {*store->Resolve("HEAD")};
  request.changes = {{"a.txt", "two\n"}};
  const ObjectId made = store->Commit(request)->commit;
  Must(store->Flush());
  store.reset();
  fs::rename(user.repo(), user.scratch("moved"));
  store = *OpenStore(*FindRepository(user.scratch("moved")));
  CHECK(*store->ReadFile(made, "a.txt") == "two\n");
  CHECK(user.Git("log --format=%s " + made.Hex(),
                 user.scratch("moved/.git/coppice/store.git")) == "\nfirst\n");
}

TEST_CASE("a store of a newer format is refused and left as it is") {
  GitFixture user;
  user.Write("a.txt", "one\n");
  user.Commit("first");
  OpenFor(user).reset();
  user.Git("config coppice.format 2", user.store());
  const Result<std::unique_ptr<Store>> opened =
      OpenStore(*FindRepository(user.repo()));
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error().Text().find("format 2") != std::string::npos);
  CHECK(user.Git("config coppice.format", user.store()) == "2\n");
}

}  // namespace
}  // namespace coppice::vcs
