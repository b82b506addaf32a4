#include "vcs/store.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <thread>

#include "base/text.h"
#include "vcs/git_fixture.h"

namespace coppice::vcs {
namespace {

using testing::GitFixture;
using testing::Must;
namespace fs = std::filesystem;

// A user's repository with one commit, and our store beside it.
struct World : GitFixture {
  World() {
    Write("a.txt", "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\n");
    Write("dir/b.txt", "beta\n");
    Write("dir/run.sh", "#!/bin/sh\n");
    Write(".gitignore", "*.o\n");
    fs::permissions(repo() / "dir/run.sh", fs::perms::owner_exec,
                    fs::perm_options::add);
    fs::create_symlink("a.txt", repo() / "link");
    fs::create_symlink("dir", repo() / "linked");
    GitFixture::Commit("base");
    Reopen();
    base = *store->Resolve("HEAD");
  }

  void Reopen() {
    store.reset();
    store = *OpenStore(*FindRepository(repo()));
  }

  CommitInfo Make(ObjectId parent, std::vector<FileChange> changes,
                  std::int64_t time = 1'700'000'000) {
    CommitRequest request;
    request.parents = {parent};
    request.changes = std::move(changes);
    request.message = "an idea\n\nCoppice-Node: 1\n";
    request.time = time;
    return Must(store->Commit(request));
  }

  ErrorCode Refusal(FileChange change) {
    CommitRequest request;
    request.parents = {base};
    request.changes = {std::move(change)};
    Result<CommitInfo> made = store->Commit(request);
    REQUIRE_FALSE(made.has_value());
    CHECK_FALSE(store->TreeOf(base, request.changes).has_value());
    return made.error().code;
  }

  std::string StoreGit(const std::string& arguments) {
    return Git(arguments, GitFixture::store());
  }

  std::unique_ptr<Store> store;
  ObjectId base;
};

std::size_t PacksIn(const fs::path& store) {
  std::size_t count = 0;
  for (const auto& file : fs::directory_iterator(store / "objects/pack")) {
    if (file.path().extension() == ".pack") ++count;
  }
  return count;
}

TEST_CASE("a commit holds the change and is as git would have made it") {
  World world;
  const CommitInfo made =
      world.Make(world.base, {{"dir/run.sh", "#!/bin/sh\necho\n"},
                              {"new/deep/c.txt", "gamma\n"},
                              {"dir/b.txt", std::nullopt}});
  Must(world.store->Flush());
  const std::string id = made.commit.Hex();
  CHECK(world.Fsck(world.GitFixture::store()) == "");
  CHECK(
      world.StoreGit("ls-tree -r " + id + " dir new") ==
      fmt::format("100755 blob {}\tdir/run.sh\n100644 blob {}\t"
                  "new/deep/c.txt\n",
                  Trim(world.StoreGit("rev-parse " + id + ":dir/run.sh")),
                  Trim(world.StoreGit("rev-parse " + id + ":new/deep/c.txt"))));
  CHECK(world.StoreGit("show " + id + ":dir/run.sh") == "#!/bin/sh\necho\n");
  CHECK(world.StoreGit("log -1 --format='%an <%ae> %ct %cn %s|%T|%P' " + id) ==
        fmt::format("coppice <coppice@localhost> 1700000000 coppice an "
                    "idea|{}|{}\n",
                    made.tree.Hex(), world.base.Hex()));
  CHECK(Summary(made.files) ==
        "dir/b.txt +0 -1, dir/run.sh +1 -0, new/deep/c.txt +1 -0");
  CHECK(made.patch == *world.store->Diff(world.base, made.commit));
  CHECK(*world.store->TreeOf(world.base, {}) ==
        *world.store->TreeIdOf(world.base));
}

TEST_CASE("our patch is one that git apply accepts") {
  World world;
  const CommitInfo made = world.Make(
      world.base, {{"a.txt", "one\n2\nthree\nfour\nfive\nsix\nseven\n8\nnine"},
                   {"with blank.txt", "x\n"},
                   {"dir/b.txt", std::nullopt}});
  testing::WriteFile(world.scratch("p.patch"), made.patch);
  world.Git("apply --index " + world.scratch("p.patch").string());
  CHECK(Trim(world.Git("write-tree")) == made.tree.Hex());
}

TEST_CASE("directories that a change empties are gone from the tree") {
  World world;
  const CommitInfo made = world.Make(
      world.base, {{"dir/b.txt", std::nullopt}, {"dir/run.sh", std::nullopt}});
  Must(world.store->Flush());
  CHECK(world.StoreGit("ls-tree --name-only " + made.commit.Hex()) ==
        ".gitignore\na.txt\nlink\nlinked\n");
}

TEST_CASE("a directory takes the place of a file removed with it") {
  World world;
  const CommitInfo made =
      world.Make(world.base, {{"a.txt", std::nullopt}, {"a.txt/inner", "x\n"}});
  CHECK(*world.store->ReadFile(made.commit, "a.txt/inner") == "x\n");
  const CommitInfo back = world.Make(
      made.commit, {{"a.txt/inner", std::nullopt}, {"a.txt", "file\n"}});
  CHECK(*world.store->ReadFile(back.commit, "a.txt") == "file\n");
}

TEST_CASE("equal requests give equal commits, also after a lost batch") {
  World world;
  const CommitInfo first = world.Make(world.base, {{"a.txt", "x\n"}});
  const CommitInfo second = world.Make(first.commit, {{"a.txt", "y\n"}});
  world.Reopen();  // nothing was flushed: both are gone
  CHECK_FALSE(world.store->Has(first.commit));
  CHECK_FALSE(world.store->Has(second.commit));
  CHECK(world.Make(world.base, {{"a.txt", "x\n"}}).commit == first.commit);
  CHECK(world.Make(first.commit, {{"a.txt", "y\n"}}).commit == second.commit);
  CHECK(world.Make(first.commit, {{"a.txt", "y\n"}}, 7).commit !=
        second.commit);
}

TEST_CASE("what is flushed is there for the next process") {
  World world;
  const CommitInfo made = world.Make(world.base, {{"a.txt", "x\n"}});
  Must(world.store->Flush());
  CHECK(PacksIn(world.GitFixture::store()) == 1);
  Must(world.store->Flush());
  CHECK(PacksIn(world.GitFixture::store()) == 1);  // nothing new, no pack
  world.Reopen();
  CHECK(world.store->Has(made.commit));
  CHECK(*world.store->ReadFile(made.commit, "a.txt") == "x\n");
  CHECK(world.store->ParentsOf(made.commit)->front() == world.base);
}

TEST_CASE("many batches leave few packs and every object readable") {
  World world;
  std::vector<CommitInfo> all;
  ObjectId parent = world.base;
  for (int i = 0; i < 120; ++i) {
    all.push_back(world.Make(parent, {{"a.txt", fmt::format("{}\n", i)}}, i));
    parent = all.back().commit;
    Must(world.store->Flush());
  }
  CHECK(PacksIn(world.GitFixture::store()) < 30);
  CHECK(world.Fsck(world.GitFixture::store()) == "");
  world.Reopen();
  for (int i = 0; i < 120; ++i) {
    CHECK(*world.store->ReadFile(all[i].commit, "a.txt") ==
          fmt::format("{}\n", i));
  }
}

TEST_CASE("a store that another process joins and collects stays readable") {
  World world;
  const CommitInfo made = world.Make(world.base, {{"a.txt", "x\n"}});
  Must(world.store->Flush());
  std::unique_ptr<Store> other = *OpenStore(world.store->places());
  REQUIRE(other->Has(made.commit));
  const CommitInfo more = world.Make(made.commit, {{"a.txt", "y\n"}});
  Must(world.store->Flush());
  const std::vector<ObjectId> keep{more.commit};
  Must(world.store->Repack(keep));
  CHECK(PacksIn(world.GitFixture::store()) == 1);
  CHECK(*other->ReadFile(more.commit, "a.txt") == "y\n");
  CHECK(*other->ReadFile(made.commit, "a.txt") == "x\n");
}

TEST_CASE("TreeOf keeps nothing and agrees with Commit") {
  World world;
  const std::vector<FileChange> changes{{"dir/b.txt", "other\n"}};
  const auto tree = Must(world.store->TreeOf(world.base, changes));
  CHECK_FALSE(world.store->Has(tree));
  CHECK(world.Make(world.base, changes).tree == tree);
  CHECK(world.store->Has(tree));
}

TEST_CASE("changes through links, of .git or outside are refused") {
  World world;
  CHECK(world.Refusal({"link", "x"}) == ErrorCode::kUsage);
  CHECK(world.Refusal({"linked/b.txt", "x"}) == ErrorCode::kUsage);
  CHECK(world.Refusal({"a.txt/below", "x"}) == ErrorCode::kUsage);
  CHECK(world.Refusal({".git/config", "x"}) == ErrorCode::kUsage);
  CHECK(world.Refusal({"dir/.GIT/config", "x"}) == ErrorCode::kUsage);
  CHECK(world.Refusal({"../out", "x"}) == ErrorCode::kUsage);
  CHECK(world.Refusal({"/etc/passwd", "x"}) == ErrorCode::kUsage);
  CHECK(world.Refusal({"dir//b.txt", "x"}) == ErrorCode::kUsage);
  CHECK(world.Refusal({"", "x"}) == ErrorCode::kUsage);
  CHECK(world.Refusal({"dir", "x"}) == ErrorCode::kConflict);
  CHECK(world.Refusal({"missing", std::nullopt}) == ErrorCode::kNotFound);
}

TEST_CASE("unknown commits and files are not found") {
  World world;
  const ObjectId unknown = *ObjectId::FromHex(std::string(40, '7'));
  const std::vector<FileChange> none;
  CHECK(world.store->TreeOf(unknown, none).error().code ==
        ErrorCode::kNotFound);
  CHECK(world.store->ReadFile(unknown, "a.txt").error().code ==
        ErrorCode::kNotFound);
  CHECK(world.store->ReadFile(world.base, "dir").error().code ==
        ErrorCode::kNotFound);
  CHECK(world.store->Files(unknown).error().code == ErrorCode::kNotFound);
  CHECK(world.store->ParentsOf(unknown).error().code == ErrorCode::kNotFound);
  CHECK(world.store->Resolve("no-such").error().code == ErrorCode::kNotFound);
  CHECK_FALSE(world.store->Has(unknown));
}

TEST_CASE("the files of a commit come sorted with size and kind") {
  World world;
  const auto files = Must(world.store->Files(world.base));
  REQUIRE(files.size() == 6);
  CHECK(std::ranges::is_sorted(files, {}, &TreeEntry::path));
  CHECK(files[1].path == "a.txt");
  CHECK(files[1].size == 45);
  CHECK(files[3].path == "dir/run.sh");
  CHECK(files[3].executable);
  CHECK(files[4].symlink);
}

TEST_CASE("merging takes both sides where they changed different lines") {
  World world;
  const std::string text = *world.store->ReadFile(world.base, "a.txt");
  std::string upper = text, lower = text;
  upper.replace(0, 3, "ONE");
  lower.replace(text.find("nine"), 4, "NINE");
  const CommitInfo ours =
      world.Make(world.base, {{"a.txt", upper}, {"ours.txt", "o\n"}});
  const CommitInfo theirs = world.Make(
      world.base,
      {{"a.txt", lower}, {"theirs.txt", "t\n"}, {"dir/b.txt", std::nullopt}});
  const auto merged = Must(world.store->Merge(ours.commit, theirs.commit));
  CHECK(merged.conflicts.empty());
  REQUIRE(merged.changes.size() == 3);
  CHECK(merged.changes[0].path == "a.txt");
  CHECK(merged.changes[0].content->starts_with("ONE\n"));
  CHECK(merged.changes[0].content->ends_with("NINE\n"));
  CHECK(merged.changes[1] == FileChange{"dir/b.txt", std::nullopt});
  CHECK(merged.changes[2] == FileChange{"theirs.txt", "t\n"});
  // As git merges them.
  const CommitInfo made = world.Make(ours.commit, merged.changes);
  Must(world.store->Flush());
  CHECK(Trim(world.StoreGit("merge-tree --write-tree " + ours.commit.Hex() +
                            " " + theirs.commit.Hex())) == made.tree.Hex());
}

TEST_CASE("merging names the files that both sides changed in one place") {
  World world;
  const CommitInfo ours = world.Make(
      world.base, {{"dir/b.txt", "ours\n"}, {"new", "1\n"}, {"x", "file\n"}});
  const CommitInfo theirs =
      world.Make(world.base, {{"dir/b.txt", std::nullopt},
                              {"new", "2\n"},
                              {"x/y", "below a directory\n"},
                              {"fine", "f\n"}});
  const auto merged = Must(world.store->Merge(ours.commit, theirs.commit));
  CHECK(merged.changes.empty());
  CHECK(merged.conflicts ==
        std::vector<std::string>{"dir/b.txt", "new", "x/y"});
}

TEST_CASE("the merge base is the one git finds") {
  World world;
  const CommitInfo a = world.Make(world.base, {{"a.txt", "a\n"}});
  const CommitInfo b = world.Make(a.commit, {{"b", "b\n"}});
  const CommitInfo c = world.Make(a.commit, {{"c", "c\n"}});
  // Against the root, a.txt would be a change of both sides.
  const auto merged = Must(world.store->Merge(b.commit, c.commit));
  REQUIRE(merged.changes.size() == 1);
  CHECK(merged.changes[0].path == "c");
}

TEST_CASE("commits in a large repository rewrite only the changed path") {
  World world;
  // Straight into the object database: 3000 files on disk take seconds.
  std::string stream =
      "commit refs/heads/large\ncommitter U <u@example.com> 1 +0000\n"
      "data 5\nlarge\n";
  for (int d = 0; d < 30; ++d) {
    for (int f = 0; f < 100; ++f) {
      const std::string text = fmt::format("{} {}\n", d, f);
      stream += fmt::format("M 100644 inline src/d{}/f{}.txt\ndata {}\n{}\n", d,
                            f, text.size(), text);
    }
  }
  testing::WriteFile(world.scratch("stream"), stream);
  world.Git("fast-import --quiet < " + world.scratch("stream").string());
  const ObjectId large = *world.store->Resolve("large");
  const CommitInfo made = world.Make(large, {{"src/d7/f7.txt", "new\n"}});
  const auto changes = Must(world.store->Changes(large, made.commit));
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].path == "src/d7/f7.txt");
  CHECK(changes[0].after->size == 4);
  CHECK(*world.store->ReadBlob(changes[0].before->blob) == "7 7\n");
  Must(world.store->Flush());
  CHECK(world.StoreGit("diff-tree --no-commit-id --name-only -r " +
                       made.commit.Hex()) == "src/d7/f7.txt\n");
  // A blob, three trees, a commit.
  CHECK(world.StoreGit("count-objects -v").find("in-pack: 5\n") !=
        std::string::npos);
}

TEST_CASE("any number of threads may commit at once") {
  World world;
  constexpr int kThreads = 4, kCommits = 50;
  std::vector<std::vector<ObjectId>> made(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&world, &made, t] {
      ObjectId parent = world.base;
      for (int i = 0; i < kCommits; ++i) {
        CommitRequest request;
        request.parents = {parent};
        request.changes = {{"a.txt", fmt::format("{} {}\n", t, i)}};
        request.time = i;
        Result<CommitInfo> commit = world.store->Commit(request);
        if (!commit) return;
        parent = commit->commit;
        made[t].push_back(parent);
        if (i % 10 == 0 && !world.store->Flush()) return;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  Must(world.store->Flush());
  world.Reopen();
  for (int t = 0; t < kThreads; ++t) {
    REQUIRE(made[t].size() == kCommits);
    for (int i = 0; i < kCommits; ++i) {
      CHECK(*world.store->ReadFile(made[t][i], "a.txt") ==
            fmt::format("{} {}\n", t, i));
    }
  }
  CHECK(world.Fsck(world.GitFixture::store()) == "");
}

TEST_CASE("the best commit can be looked at with git") {
  World world;
  const CommitInfo made = world.Make(world.base, {{"a.txt", "x\n"}});
  Must(world.store->PublishBest("20260901-220000-abc", made.commit));
  CHECK(Trim(world.StoreGit("rev-parse refs/best/20260901-220000-abc")) ==
        made.commit.Hex());
  CHECK(world.Fsck(world.GitFixture::store()) == "");
  Must(world.store->UnpublishBest("20260901-220000-abc"));
  Must(world.store->UnpublishBest("20260901-220000-abc"));
  CHECK(world.StoreGit("for-each-ref") == "");
}

TEST_CASE("repacking keeps what hangs on the commits and drops the rest") {
  World world;
  const CommitInfo kept = world.Make(world.base, {{"a.txt", "kept\n"}});
  const CommitInfo child = world.Make(kept.commit, {{"n", "child\n"}});
  const CommitInfo gone = world.Make(world.base, {{"a.txt", "gone\n"}});
  const CommitInfo best = world.Make(world.base, {{"a.txt", "best\n"}});
  Must(world.store->PublishBest("some-run", best.commit));
  const std::vector<ObjectId> keep{child.commit};
  Must(world.store->Repack(keep));
  CHECK(PacksIn(world.GitFixture::store()) == 1);
  CHECK(world.store->Has(kept.commit));
  CHECK(*world.store->ReadFile(child.commit, "n") == "child\n");
  CHECK(*world.store->ReadFile(best.commit, "a.txt") == "best\n");
  world.Reopen();
  CHECK_FALSE(world.store->Has(gone.commit));
  Must(world.store->UnpublishBest("some-run"));
  Must(world.store->Repack({}));
  CHECK(PacksIn(world.GitFixture::store()) == 0);
  world.Reopen();
  CHECK_FALSE(world.store->Has(child.commit));
}

}  // namespace
}  // namespace coppice::vcs
