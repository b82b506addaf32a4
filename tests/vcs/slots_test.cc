#include "vcs/slots.h"

#include <doctest/doctest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdlib>

#include "base/compute.h"
#include "support/temp_dir.h"
#include "vcs/read_changes.h"

// Slots of real commits of a real repository; overlays are looked at through
// a real mount in a namespace of its own.

namespace coppice::vcs {
namespace {

using testing::TempDir;
using testing::WriteFile;
namespace fs = std::filesystem;

int Sh(const std::string& command) {
  return std::system(("exec >/dev/null 2>&1; " + command).c_str());
}

bool CanMount() {
  static const bool can = Sh("unshare -m true") == 0;
  return can;
}

struct World {
  World() {
    const std::string repo = (temp / "repo").string();
    WriteFile(temp / "repo/a.txt", "alpha\n");
    WriteFile(temp / "repo/dir/b.txt", "beta\n");
    WriteFile(temp / "repo/dir/run.sh", "#!/bin/sh\necho run\n");
    WriteFile(temp / "repo/.gitignore", "*.o\ndata.bin\n");
    REQUIRE(Sh("cd " + repo +
               " && chmod +x dir/run.sh && ln -s a.txt link && git init -q -b "
               "main && git add -A && git -c user.name=u -c user.email=u@e "
               "commit -qm one") == 0);
    WriteFile(temp / "repo/data.bin", "untracked data");
    places = *FindRepository(temp / "repo");
    store = *OpenStore(places);
    base = *store->Resolve("HEAD");
    CommitRequest request;
    request.parents = {base};
    request.changes = {{"a.txt", "ALPHA\n"},
                       {"new/c.txt", "gamma\n"},
                       {"dir/b.txt", std::nullopt}};
    request.message = "change";
    other = store->Commit(request)->commit;
  }

  std::unique_ptr<Workspaces> Make(SlotMode mode, int slots = 2) {
    SlotOptions options{.executor = io.get_executor(),
                        .clock = *clock,
                        .compute = *compute,
                        .store = *store,
                        .base = base,
                        .cache_dir = temp / "cache",
                        .digest = "0123456789abcdef",
                        .copy = {"data.bin"},
                        .copy_from = temp / "repo",
                        .mode = mode,
                        .evaluation_slots = slots};
    options.provision = [this](const WorkTree& tree) -> Task<Result<void>> {
      ++provisions;
      WriteFile(tree.root / "built.o", "object code");
      co_return Ok();
    };
    return MakeWorkspaces(std::move(options));
  }

  template <class F>
  void Run(F body) {
    std::exception_ptr failure;
    io.restart();
    boost::asio::co_spawn(io, body(),
                          [&](const std::exception_ptr& e) { failure = e; });
    io.run();
    if (failure) std::rethrow_exception(failure);
  }

  // A shell command inside the slot, as the sandbox would show it.
  int In(const Lease& lease, const std::string& command) {
    const WorkTree& tree = lease.tree();
    if (!tree.overlay) return Sh("cd " + tree.root.string() + " && " + command);
    const std::string mount =
        "mount -t overlay overlay -o lowerdir=" + tree.overlay->lower.string() +
        ",upperdir=" + tree.overlay->upper.string() +
        ",workdir=" + tree.overlay->work.string() + " " + tree.root.string();
    return Sh("unshare -m sh -c '" + mount + " && cd " + tree.root.string() +
              " && " + command + "'");
  }

  TempDir temp;
  boost::asio::io_context io;
  std::unique_ptr<Clock> clock = MakeRealClock();
  std::unique_ptr<Compute> compute = MakeArenaCompute(2);
  RepositoryPlaces places;
  std::unique_ptr<Store> store;
  ObjectId base, other;
  int provisions = 0;
};

std::string List(const std::vector<TouchedPath>& touched) {
  std::string text;
  for (const TouchedPath& t : touched) {
    text += (t.removed ? "-" : "+") + t.path + " ";
  }
  return text;
}

void ForBothModes(const std::function<void(SlotMode)>& test) {
  for (SlotMode mode : {SlotMode::kOverlay, SlotMode::kPool}) {
    if (mode == SlotMode::kOverlay && !CanMount()) {
      MESSAGE("skipped: no overlay can be mounted on this machine");
      continue;
    }
    CAPTURE(static_cast<int>(mode));
    test(mode);
  }
}

}  // namespace

TEST_CASE("a slot shows the tree of its commit, built files and copies") {
  ForBothModes([](SlotMode mode) {
    World world;
    auto slots = world.Make(mode);
    world.Run([&]() -> Task<void> {
      auto first = co_await slots->Acquire(world.base, SlotUse::kEvaluate);
      REQUIRE(first.has_value());
      CHECK(world.In(**first,
                     "grep -q alpha a.txt && grep -q beta dir/b.txt && test -x "
                     "dir/run.sh && test -L link && test -f built.o && grep -q "
                     "data data.bin && test ! -e .git") == 0);
      auto second = co_await slots->Acquire(world.other, SlotUse::kEvaluate);
      REQUIRE(second.has_value());
      CHECK(world.In(**second,
                     "grep -q ALPHA a.txt && test ! -e dir/b.txt && grep -q "
                     "gamma new/c.txt && test -f built.o && test -x "
                     "dir/run.sh") == 0);
      CHECK((*first)->tree().slot != (*second)->tree().slot);
    });
  });
}

TEST_CASE("what processes wrote or removed is seen, and can be put back") {
  ForBothModes([](SlotMode mode) {
    World world;
    auto slots = world.Make(mode);
    world.Run([&]() -> Task<void> {
      auto lease = co_await slots->Acquire(world.other, SlotUse::kEvaluate);
      REQUIRE(lease.has_value());
      auto none = co_await slots->Touched(**lease);
      CHECK(List(*none) == "");
      CHECK(world.In(**lease,
                     "echo x >a.txt; rm dir/run.sh new/c.txt; echo y >fresh; "
                     "echo z >data.bin; chmod +x link; echo w >dir/b.txt") ==
            0);
      auto touched = co_await slots->Touched(**lease);
      const std::string list = List(*touched);
      CAPTURE(list);
      for (const char* expected : {"+a.txt ", "-dir/run.sh ", "-new/c.txt ",
                                   "+fresh ", "+data.bin ", "+dir/b.txt "}) {
        CHECK(list.find(expected) != std::string::npos);
      }
      const std::vector<std::string> paths{
          "a.txt", "dir/run.sh", "data.bin", "new/c.txt", "fresh", "dir/b.txt"};
      auto restored = co_await slots->Restore(**lease, paths);
      CHECK(restored.has_value());
      CHECK(world.In(**lease,
                     "grep -q ALPHA a.txt && test -x dir/run.sh && grep -q "
                     "data data.bin && grep -q gamma new/c.txt && test ! -e "
                     "fresh && test ! -e dir/b.txt") == 0);
    });
  });
}

TEST_CASE("a removed directory is seen file by file") {
  ForBothModes([](SlotMode mode) {
    World world;
    auto slots = world.Make(mode);
    world.Run([&]() -> Task<void> {
      auto lease = co_await slots->Acquire(world.base, SlotUse::kEvaluate);
      REQUIRE(lease.has_value());
      CHECK(world.In(**lease, "rm -r dir && mkdir dir && echo n >dir/n") == 0);
      auto touched = co_await slots->Touched(**lease);
      const std::string list = List(*touched);
      CAPTURE(list);
      CHECK(list.find("-dir/b.txt ") != std::string::npos);
      CHECK(list.find("-dir/run.sh ") != std::string::npos);
      CHECK(list.find("+dir/n ") != std::string::npos);
    });
  });
}

TEST_CASE("nothing that one node left meets the next, and setup runs once") {
  ForBothModes([](SlotMode mode) {
    World world;
    auto slots = world.Make(mode, 1);
    world.Run([&]() -> Task<void> {
      for (int i = 0; i < 40; ++i) {
        auto lease = co_await slots->Acquire(i % 2 ? world.base : world.other,
                                             SlotUse::kEvaluate);
        REQUIRE(lease.has_value());
        CHECK(world.In(**lease, "test ! -e poison && test -f built.o") == 0);
        CHECK(world.In(**lease, "echo p >poison; echo evil >a.txt") == 0);
      }
    });
    CHECK(world.provisions == 1);
  });
}

TEST_CASE("slots and base deleted from outside are made again") {
  ForBothModes([](SlotMode mode) {
    World world;
    auto slots = world.Make(mode, 1);
    world.Run([&]() -> Task<void> {
      {
        auto lease = co_await slots->Acquire(world.other, SlotUse::kEvaluate);
        REQUIRE(lease.has_value());
        CHECK((*lease)->Intact());
        fs::remove_all(world.temp / "cache");
        CHECK_FALSE((*lease)->Intact());
      }
      auto lease = co_await slots->Acquire(world.other, SlotUse::kEvaluate);
      REQUIRE(lease.has_value());
      CHECK(world.In(**lease, "grep -q ALPHA a.txt && test -f built.o") == 0);
    });
    CHECK(world.provisions == 2);
  });
}

TEST_CASE("two processes in one repository never share a slot") {
  World world;
  auto mine = world.Make(SlotMode::kPool, 1);
  auto theirs = world.Make(SlotMode::kPool, 1);
  world.Run([&]() -> Task<void> {
    auto a = co_await mine->Acquire(world.base, SlotUse::kEvaluate);
    auto b = co_await theirs->Acquire(world.base, SlotUse::kEvaluate);
    REQUIRE(a.has_value());
    REQUIRE(b.has_value());
    CHECK((*a)->tree().root != (*b)->tree().root);
    CHECK(IdleSlots(world.temp / "cache").empty());
  });
  mine.reset();
  theirs.reset();
  CHECK(IdleSlots(world.temp / "cache").size() == 2);
}

TEST_CASE("a clean slot shares nothing with a warm one") {
  ForBothModes([](SlotMode mode) {
    World world;
    auto slots = world.Make(mode, 1);
    world.Run([&]() -> Task<void> {
      {
        auto warm = co_await slots->Acquire(world.base, SlotUse::kEvaluate);
        REQUIRE(warm.has_value());
        WriteFile((*warm)->tree().root / "left.o", "warm");
      }
      auto clean = co_await slots->Acquire(world.other, SlotUse::kClean);
      REQUIRE(clean.has_value());
      CHECK(world.In(**clean,
                     "test ! -e left.o && test -f built.o && grep -q "
                     "ALPHA a.txt") == 0);
    });
  });
}

TEST_CASE("a proposer's changes are read back as content") {
  ForBothModes([](SlotMode mode) {
    World world;
    auto slots = world.Make(mode);
    world.Run([&]() -> Task<void> {
      auto lease = co_await slots->Acquire(world.other, SlotUse::kPropose);
      REQUIRE(lease.has_value());
      CHECK(world.In(**lease,
                     "echo more >>a.txt; rm dir/run.sh; echo o >x.o; echo n "
                     ">note; ln -s / evil; touch new/c.txt; echo d >data.bin; "
                     "printf \"a\\\\000b\" >bin") == 0);
      auto left = co_await ReadChanges(*world.store, *world.compute, *slots,
                                       **lease, {"data.bin"});
      REQUIRE(left.has_value());
      REQUIRE(left->changes.size() == 3);
      CHECK(left->changes[0] == FileChange{"a.txt", "ALPHA\nmore\n"});
      CHECK(left->changes[1] == FileChange{"dir/run.sh", std::nullopt});
      CHECK(left->changes[2] == FileChange{"note", "n\n"});
      CHECK(left->refused.size() == 2);
    });
  });
}

}  // namespace coppice::vcs
