#include "vcs/export.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/text.h"
#include "vcs/git_fixture.h"

namespace coppice::vcs {
namespace {

using testing::GitFixture;
using testing::Must;
namespace fs = std::filesystem;

constexpr char kBranch[] = "optimize/thing";

// A user at work, and a node of ours with two steps to it.
struct World : GitFixture {
  World() {
    Write("a.txt", "one\ntwo\nthree\nfour\nfive\nsix\n");
    Write("dir/b.txt", "beta\n");
    Write("run.sh", "#!/bin/sh\n");
    Write("other.txt", "other\n");
    fs::permissions(repo() / "run.sh", fs::perms::owner_exec,
                    fs::perm_options::add);
    GitFixture::Commit("base");
    store = Must(OpenStore(Must(FindRepository(repo()))));
    base = Must(store->Resolve("HEAD"));
    first = Make(base, {{"a.txt", "ONE\ntwo\nthree\nfour\nfive\nsix\n"},
                        {"run.sh", "#!/bin/sh\necho\n"}});
    node = Make(first, {{"a.txt", "ONE\ntwo\nthree\nfour\nfive\nSIX\n"},
                        {"new/c.txt", "gamma\n"},
                        {"dir/b.txt", std::nullopt}});
  }

  ObjectId Make(ObjectId parent, std::vector<FileChange> changes) {
    CommitRequest request;
    request.parents = {parent};
    request.changes = std::move(changes);
    request.message = "a step\n";
    return Must(store->Commit(request)).commit;
  }

  std::vector<ExportStep> Squash() const {
    return {{base, node, "One change\n\nCoppice-Node: 2\n"}};
  }

  ErrorCode ApplyFails(const std::string& naming) {
    const auto before = Fingerprint();
    const Result<std::vector<std::string>> applied =
        ApplyToWorkTree(*store, base, node);
    REQUIRE_FALSE(applied.has_value());
    INFO(applied.error().Text());
    CHECK(applied.error().Text().find(naming) != std::string::npos);
    CHECK(Fingerprint() == before);
    return applied.error().code;
  }

  std::string Log(const std::string& range) const {
    return Git("log --reverse --format='%an <%ae>|%s' " + range);
  }

  std::unique_ptr<Store> store;
  ObjectId base, first, node;
};

TEST_CASE("an export is one branch and nothing else of the user's changes") {
  World world;
  world.Write("a.txt", "work in progress\n");
  world.Write("untracked.txt", "mine\n");
  world.Git("add other.txt");
  const auto before = world.Fingerprint();
  const auto commits =
      Must(ComposeExport(*world.store, world.base, world.Squash()));
  CHECK(world.Fingerprint() == before);  // not published yet
  REQUIRE(commits.size() == 1);
  CHECK(Must(world.store->TreeIdOf(commits[0])) ==
        Must(world.store->TreeIdOf(world.node)));
  Must(PublishBranch(*world.store, kBranch, commits[0]));
  auto after = world.Fingerprint();
  CHECK(Trim(world.Git("rev-parse refs/heads/optimize/thing")) ==
        commits[0].Hex());
  for (const char* made :
       {".git/refs/heads/optimize", ".git/refs/heads/optimize/thing",
        ".git/logs/refs/heads/optimize",
        ".git/logs/refs/heads/optimize/thing"}) {
    CHECK(after.erase(made) == 1);
  }
  CHECK(after == before);
  CHECK(world.Log("main..optimize/thing") ==
        "A User <user@example.com>|One change\n");
  CHECK(world.Git("diff --name-status main optimize/thing") ==
        "M\ta.txt\nD\tdir/b.txt\nA\tnew/c.txt\nM\trun.sh\n");
  CHECK(world.Git("ls-tree optimize/thing run.sh").starts_with("100755"));
}

TEST_CASE("a branch stands without our store") {
  World world;
  const auto commits =
      Must(ComposeExport(*world.store, world.base, world.Squash()));
  Must(PublishBranch(*world.store, kBranch, commits.back()));
  world.store.reset();
  fs::remove_all(world.repo() / ".git/coppice");
  CHECK(world.Fsck(world.repo()) == "");
  world.Git("clone -q -b optimize/thing . ../clone");
  CHECK(testing::ReadFile(world.scratch("clone/new/c.txt")) == "gamma\n");
}

TEST_CASE("a stack has one commit for each step") {
  World world;
  const std::vector<ExportStep> steps{{world.base, world.first, "First\n"},
                                      {world.first, world.node, "Second\n"}};
  const auto commits = Must(ComposeExport(*world.store, world.base, steps));
  REQUIRE(commits.size() == 2);
  Must(PublishBranch(*world.store, kBranch, commits.back()));
  CHECK(world.Log("main..optimize/thing") ==
        "A User <user@example.com>|First\nA User <user@example.com>|Second\n");
  CHECK(world.Git("diff --name-only main optimize/thing~1") ==
        "a.txt\nrun.sh\n");
  CHECK(Must(world.store->TreeIdOf(commits.back())) ==
        Must(world.store->TreeIdOf(world.node)));
}

TEST_CASE("an export goes onto a main that has moved") {
  World world;
  world.Write("other.txt", "moved on\n");
  world.Write("a.txt", "one\ntwo\nthree\nFOUR\nfive\nsix\n");
  world.Commit("meanwhile");
  const ObjectId onto = Must(world.store->Resolve("main"));
  const auto commits = Must(ComposeExport(*world.store, onto, world.Squash()));
  Must(PublishBranch(*world.store, kBranch, commits.back()));
  CHECK(world.Git("show optimize/thing:a.txt") ==
        "ONE\ntwo\nthree\nFOUR\nfive\nSIX\n");
  CHECK(world.Git("show optimize/thing:other.txt") == "moved on\n");
  CHECK(Trim(world.Git("rev-parse optimize/thing~1")) == onto.Hex());
}

TEST_CASE("a conflict names its files and leaves nothing") {
  World world;
  world.Write("a.txt", "eins\ntwo\nthree\nfour\nfive\nsix\n");
  world.Write("dir/b.txt", "changed\n");
  world.Commit("meanwhile");
  const auto before = world.Fingerprint();
  const std::string objects = world.Git("count-objects -v");
  const Result<std::vector<ObjectId>> commits = ComposeExport(
      *world.store, Must(world.store->Resolve("main")), world.Squash());
  REQUIRE_FALSE(commits.has_value());
  CHECK(commits.error().code == ErrorCode::kConflict);
  CHECK(commits.error().what == "conflict in a.txt, dir/b.txt");
  CHECK(world.Fingerprint() == before);
  CHECK(world.Git("count-objects -v") == objects);
}

TEST_CASE("what is there already is no export") {
  World world;
  const auto commits =
      Must(ComposeExport(*world.store, world.base, world.Squash()));
  Must(PublishBranch(*world.store, kBranch, commits.back()));
  world.Git("merge -q optimize/thing");
  CHECK(ComposeExport(*world.store, Must(world.store->Resolve("main")),
                      world.Squash())
            .error()
            .code == ErrorCode::kUsage);
}

TEST_CASE("a branch that exists is never moved, nor a bad name taken") {
  World world;
  world.Git("branch optimize/thing");
  const auto before = world.Fingerprint();
  const auto commits =
      Must(ComposeExport(*world.store, world.base, world.Squash()));
  const RepositoryPlaces& places = world.store->places();
  for (const char* name : {"optimize/thing", "a..b", "-x", "with space", ""}) {
    INFO(name);
    const Result<void> checked = CheckBranchIsFree(places, name);
    REQUIRE_FALSE(checked.has_value());
    CHECK(checked.error().code == ErrorCode::kUsage);
    CHECK(checked.error().Text().find("--branch") != std::string::npos);
    CHECK_FALSE(PublishBranch(*world.store, name, commits.back()).has_value());
  }
  // `optimize` cannot be a branch while optimize/thing is one.
  CHECK_FALSE(
      PublishBranch(*world.store, "optimize", commits.back()).has_value());
  CHECK(world.Fingerprint() == before);
  Must(CheckBranchIsFree(places, "optimize/other"));
}

TEST_CASE("without a configured user the branch is coppice's") {
  World world;
  world.Git("config --unset user.name");
  world.Git("config --unset user.email");
  const auto commits =
      Must(ComposeExport(*world.store, world.base, world.Squash()));
  Must(PublishBranch(*world.store, kBranch, commits.back()));
  CHECK(world.Log("main..optimize/thing") ==
        "coppice <coppice@localhost>|One change\n");
}

TEST_CASE("apply changes the files of a clean work tree and only those") {
  World world;
  world.Write("other.txt", "dirty, but in nobody's way\n");
  world.Write("untracked", "mine\n");
  fs::permissions(world.repo() / "run.sh", fs::perms(0750));
  fs::permissions(world.repo() / "a.txt", fs::perms(0600));
  world.Git("update-index -q --refresh || true");
  const auto before = world.Fingerprint();
  CHECK(Must(ApplyToWorkTree(*world.store, world.base, world.node)) ==
        std::vector<std::string>{"a.txt", "dir/b.txt", "new/c.txt", "run.sh"});
  CHECK(world.Read("a.txt") == "ONE\ntwo\nthree\nfour\nfive\nSIX\n");
  CHECK(world.Read("new/c.txt") == "gamma\n");
  CHECK(world.Read("run.sh") == "#!/bin/sh\necho\n");
  CHECK_FALSE(fs::exists(world.repo() / "dir"));
  CHECK(fs::status(world.repo() / "run.sh").permissions() == fs::perms(0750));
  CHECK(fs::status(world.repo() / "a.txt").permissions() == fs::perms(0600));
  auto after = world.Fingerprint();
  for (const char* path :
       {"a.txt", "run.sh", "dir", "dir/b.txt", "new", "new/c.txt"}) {
    after.erase(path);
  }
  auto rest = before;
  for (const char* path : {"a.txt", "run.sh", "dir", "dir/b.txt"}) {
    rest.erase(path);
  }
  CHECK(after == rest);
}

TEST_CASE("apply refuses files that are not as HEAD has them") {
  World world;
  SUBCASE("changed") {
    world.Write("a.txt", "mine\n");
    CHECK(world.ApplyFails("a.txt") == ErrorCode::kUsage);
  }
  SUBCASE("staged") {
    world.Write("run.sh", "mine\n");
    world.Git("add run.sh");
    CHECK(world.ApplyFails("run.sh") == ErrorCode::kUsage);
  }
  SUBCASE("removed") {
    fs::remove(world.repo() / "dir/b.txt");
    CHECK(world.ApplyFails("dir/b.txt") == ErrorCode::kUsage);
  }
  SUBCASE("an untracked file where a new one goes") {
    world.Write("new/c.txt", "mine\n");
    CHECK(world.ApplyFails("new/c.txt") == ErrorCode::kUsage);
  }
  SUBCASE("a link where a directory goes") {
    fs::create_directory(world.scratch("elsewhere"));
    fs::create_symlink(world.scratch("elsewhere"), world.repo() / "new");
    CHECK(world.ApplyFails("new/c.txt") == ErrorCode::kUsage);
    CHECK(fs::is_empty(world.scratch("elsewhere")));
  }
  SUBCASE("HEAD has moved in the same lines") {
    world.Write("a.txt", "eins\ntwo\nthree\nfour\nfive\nsix\n");
    world.Commit("meanwhile");
    CHECK(world.ApplyFails("a.txt") == ErrorCode::kConflict);
  }
}

TEST_CASE("apply that fails midway puts everything back") {
  World world;
  // A file in the way of a directory: found only when it is to be made.
  world.Write("new", "an untracked file\n");
  CHECK(world.ApplyFails("new") == ErrorCode::kIo);
}

TEST_CASE("apply merges into a HEAD that has moved elsewhere") {
  World world;
  world.Write("a.txt", "one\ntwo\nthree\nFOUR\nfive\nsix\n");
  world.Commit("meanwhile");
  Must(ApplyToWorkTree(*world.store, world.base, world.node));
  CHECK(world.Read("a.txt") == "ONE\ntwo\nthree\nFOUR\nfive\nSIX\n");
}

TEST_CASE("apply writes line ends as the user's attributes want them") {
  World world;
  world.Write(".gitattributes", "a.txt text eol=crlf\n");
  world.Commit("attributes");
  world.Git("rm -q --cached a.txt");
  world.Git("reset -q --hard");
  REQUIRE(world.Read("a.txt").starts_with("one\r\n"));
  Must(ApplyToWorkTree(*world.store, world.base, world.node));
  CHECK(world.Read("a.txt") ==
        "ONE\r\ntwo\r\nthree\r\nfour\r\nfive\r\nSIX\r\n");
  CHECK(world.Git("diff --stat -- a.txt").find("a.txt | 4 ++--") !=
        std::string::npos);
}

}  // namespace
}  // namespace coppice::vcs
