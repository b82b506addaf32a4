#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vcs/read_changes.h"
#include "vcs/slot_world.h"

// What candidates, and users, do to slots behind our back.

namespace coppice::vcs {
namespace {

using testing::AsOrdinaryUser;
using testing::ForBothModes;
using testing::List;
using testing::Must;
using testing::ReadFile;
using testing::SlotWorld;
using testing::WriteFile;
namespace fs = std::filesystem;

std::unique_ptr<Lease> Get(Result<std::unique_ptr<Lease>> lease) {
  return Must(std::move(lease));
}

std::int64_t ModifiedNs(const fs::path& file) {
  struct stat st{};
  REQUIRE(stat(file.c_str(), &st) == 0);
  return st.st_mtim.tv_sec * 1'000'000'000 + st.st_mtim.tv_nsec;
}

TEST_CASE("links that a candidate leaves are never followed") {
  ForBothModes([](SlotMode mode) {
    SlotWorld world;
    const fs::path outside = world.scratch("outside");
    WriteFile(outside / "b.txt", "precious\n");
    WriteFile(outside / "set.bin", "precious\n");
    const ObjectId other = world.Make(world.base, {{"dir/b.txt", "theirs\n"}});
    auto slots = MakeWorkspaces(world.Options(mode));
    world.Run([&]() -> Task<void> {
      {
        auto lease = Get(co_await slots->Acquire(other, SlotUse::kEvaluate));
        CHECK(world.In(*lease,
                       "rm -rf dir data a.txt; ln -s " + outside.string() +
                           " dir; ln -s " + outside.string() + " data; ln -s " +
                           (outside / "b.txt").string() + " a.txt") == 0);
        const std::vector<std::string> paths{"dir/b.txt", "data/set.bin",
                                             "a.txt", "dir/none"};
        Must(co_await slots->Restore(*lease, paths));
        CHECK(world.In(*lease,
                       "grep -q theirs dir/b.txt && grep -q untracked "
                       "data/set.bin && grep -q alpha a.txt && test ! -L dir "
                       "&& test ! -e dir/run.sh") == 0);
        CHECK(world.In(*lease,
                       "rm -rf dir; ln -s " + outside.string() + " dir") == 0);
      }
      auto lease = Get(co_await slots->Acquire(world.base, SlotUse::kEvaluate));
      CHECK(world.In(*lease, "grep -q beta dir/b.txt && test -x dir/run.sh") ==
            0);
    });
    CHECK(ReadFile(outside / "b.txt") == "precious\n");
    CHECK(ReadFile(outside / "set.bin") == "precious\n");
    CHECK(std::distance(fs::directory_iterator(outside), {}) == 2);
  });
}

TEST_CASE("one file of a removed directory comes back alone") {
  ForBothModes([](SlotMode mode) {
    SlotWorld world;
    auto slots = MakeWorkspaces(world.Options(mode));
    world.Run([&]() -> Task<void> {
      auto lease = Get(co_await slots->Acquire(world.base, SlotUse::kEvaluate));
      CHECK(world.In(*lease, "rm -r dir") == 0);
      const std::vector<std::string> paths{"dir/b.txt"};
      Must(co_await slots->Restore(*lease, paths));
      CHECK(world.In(*lease,
                     "grep -q beta dir/b.txt && test ! -e dir/run.sh") == 0);
      CHECK(List(Must(co_await slots->Touched(*lease))) == "-dir/run.sh ");
    });
  });
}

TEST_CASE("a directory replaced by a file is missing file by file") {
  ForBothModes([](SlotMode mode) {
    SlotWorld world;
    auto slots = MakeWorkspaces(world.Options(mode));
    world.Run([&]() -> Task<void> {
      auto lease = Get(co_await slots->Acquire(world.base, SlotUse::kEvaluate));
      CHECK(world.In(*lease, "rm -r dir && echo x >dir") == 0);
      CHECK(List(Must(co_await slots->Touched(*lease))) ==
            "+dir -dir/b.txt -dir/run.sh ");
    });
  });
}

TEST_CASE("a write that sets size and time back is seen all the same") {
  ForBothModes([](SlotMode mode) {
    SlotWorld world;
    const ObjectId other = world.Make(world.base, {{"a.txt", "ALPHA\n"}});
    auto slots = MakeWorkspaces(world.Options(mode));
    world.Run([&]() -> Task<void> {
      auto lease = Get(co_await slots->Acquire(other, SlotUse::kEvaluate));
      CHECK(world.In(*lease,
                     "sleep 0.05; touch -r a.txt stamp.o; printf "
                     "'OMEGA\\n' | dd of=a.txt conv=notrunc; touch -r stamp.o "
                     "a.txt; rm stamp.o") == 0);
      CHECK(List(Must(co_await slots->Touched(*lease))) == "+a.txt ");
    });
  });
}

TEST_CASE("a slot's files are newer than what was built before") {
  ForBothModes([](SlotMode mode) {
    SlotWorld world;
    const ObjectId other = world.Make(world.base, {{"a.txt", "ALPHA\n"}});
    auto slots = MakeWorkspaces(world.Options(mode));
    world.Run([&]() -> Task<void> {
      auto lease = Get(co_await slots->Acquire(other, SlotUse::kEvaluate));
      const WorkTree& tree = lease->tree();
      const fs::path top = tree.overlay ? tree.overlay->upper : tree.root;
      CHECK(ModifiedNs(top / "a.txt") > ModifiedNs(tree.root / "built.o"));
      // What did not change is not built again.
      CHECK(ModifiedNs(tree.root / "dir/b.txt") <=
            ModifiedNs(tree.root / "built.o"));
    });
  });
}

TEST_CASE("setup cannot change tracked files or copies for those that follow") {
  ForBothModes([](SlotMode mode) {
    SlotWorld world;
    world.provision = [](const fs::path& tree) {
      WriteFile(tree / "a.txt", "patched by setup\n");
      WriteFile(tree / "data/set.bin", "patched by setup\n");
      WriteFile(tree / "built.o", "object code");
      fs::remove(tree / "dir/b.txt");
    };
    auto slots = MakeWorkspaces(world.Options(mode));
    world.Run([&]() -> Task<void> {
      auto lease = Get(co_await slots->Acquire(world.base, SlotUse::kEvaluate));
      CHECK(world.In(*lease,
                     "grep -q alpha a.txt && grep -q untracked data/set.bin && "
                     "grep -q beta dir/b.txt && test -f built.o") == 0);
      CHECK(List(Must(co_await slots->Touched(*lease))) == "");
    });
  });
}

TEST_CASE("copies are those of the beginning, whoever changes them later") {
  ForBothModes([](SlotMode mode) {
    SlotWorld world;
    auto slots = MakeWorkspaces(world.Options(mode));
    world.Run([&]() -> Task<void> {
      {
        auto lease =
            Get(co_await slots->Acquire(world.base, SlotUse::kEvaluate));
        CHECK(world.In(*lease, "echo poison >data/set.bin") == 0);
      }
      world.Write("data/set.bin", "the user's next version\n");
      auto lease = Get(co_await slots->Acquire(world.base, SlotUse::kEvaluate));
      CHECK(world.In(*lease, "grep -q untracked data/set.bin") == 0);
      CHECK(world.In(*lease, "rm -r data") == 0);
      const std::vector<std::string> paths{"data/set.bin"};
      Must(co_await slots->Restore(*lease, paths));
      CHECK(world.In(*lease, "grep -q untracked data/set.bin") == 0);
    });
  });
}

TEST_CASE("a directory goes with its last file and comes back") {
  ForBothModes([](SlotMode mode) {
    SlotWorld world;
    const ObjectId without =
        world.Make(world.base,
                   {{"dir/b.txt", std::nullopt}, {"dir/run.sh", std::nullopt}});
    const ObjectId file = world.Make(without, {{"dir", "now a file\n"}});
    auto slots = MakeWorkspaces(world.Options(mode));
    world.Run([&]() -> Task<void> {
      for (int i = 0; i < 2; ++i) {
        {
          auto lease =
              Get(co_await slots->Acquire(without, SlotUse::kEvaluate));
          CHECK(world.In(*lease, "test ! -e dir && mkdir -p empty/deep") == 0);
        }
        {
          auto lease = Get(co_await slots->Acquire(file, SlotUse::kEvaluate));
          CHECK(world.In(*lease, "grep -q now dir && test ! -e empty") == 0);
          CHECK(List(Must(co_await slots->Touched(*lease))) == "");
        }
        auto lease =
            Get(co_await slots->Acquire(world.base, SlotUse::kEvaluate));
        CHECK(world.In(*lease,
                       "test -x dir/run.sh && grep -q beta dir/b.txt") == 0);
      }
    });
  });
}

TEST_CASE("slots work for an ordinary user, whatever a candidate locks up") {
  AsOrdinaryUser user;
  ForBothModes([](SlotMode mode) {
    SlotWorld world;
    const ObjectId other = world.Make(
        world.base, {{"a.txt", "ALPHA\n"}, {"dir/b.txt", std::nullopt}});
    auto slots = MakeWorkspaces(world.Options(mode));
    world.Run([&]() -> Task<void> {
      for (int i = 0; i < 3; ++i) {
        auto lease = Get(co_await slots->Acquire(other, SlotUse::kEvaluate));
        CHECK(world.In(*lease,
                       "grep -q ALPHA a.txt && test ! -e dir/b.txt && test -x "
                       "dir/run.sh && test ! -e cell && echo x >>a.txt") == 0);
        CHECK(world.In(*lease,
                       "mkdir -p cell/inner && touch cell/inner/f && chmod 0 "
                       "cell/inner cell && rm dir/run.sh && rm -r dir") == 0);
        const std::string list = List(Must(co_await slots->Touched(*lease)));
        CHECK(list == "+a.txt +cell/inner/f -dir/run.sh ");
        const std::vector<std::string> paths{"dir/run.sh"};
        Must(co_await slots->Restore(*lease, paths));
        CHECK(world.In(*lease, "test -x dir/run.sh && test ! -e dir/b.txt") ==
              0);
      }
    });
    CHECK(world.provisions == 1);
  });
}

TEST_CASE("a slot that vanishes while in use is lost, not the candidate's") {
  ForBothModes([](SlotMode mode) {
    SlotWorld world;
    auto slots = MakeWorkspaces(world.Options(mode));
    world.Run([&]() -> Task<void> {
      auto lease = Get(co_await slots->Acquire(world.base, SlotUse::kEvaluate));
      fs::remove_all(world.cache());
      const auto touched = co_await slots->Touched(*lease);
      REQUIRE_FALSE(touched.has_value());
      CHECK(touched.error().code == ErrorCode::kLost);
      const std::vector<std::string> paths{"a.txt"};
      const auto restored = co_await slots->Restore(*lease, paths);
      REQUIRE_FALSE(restored.has_value());
      CHECK(restored.error().code == ErrorCode::kLost);
      lease->MarkDirty();
    });
  });
}

TEST_CASE("a slot deleted from outside is not shared with who makes it anew") {
  SlotWorld world;
  auto mine = MakeWorkspaces(world.Options(SlotMode::kPool));
  auto theirs = MakeWorkspaces(world.Options(SlotMode::kPool));
  world.Run([&]() -> Task<void> {
    {
      auto lease = Get(co_await mine->Acquire(world.base, SlotUse::kEvaluate));
    }
    fs::remove_all(world.cache());
    auto a = Get(co_await theirs->Acquire(world.base, SlotUse::kEvaluate));
    auto b = Get(co_await mine->Acquire(world.base, SlotUse::kEvaluate));
    CHECK(a->tree().root != b->tree().root);
    CHECK(world.In(*b, "grep -q alpha a.txt") == 0);
  });
}

TEST_CASE("a dirty slot is not met again") {
  ForBothModes([](SlotMode mode) {
    SlotWorld world;
    auto slots = MakeWorkspaces(world.Options(mode));
    world.Run([&]() -> Task<void> {
      fs::path before;
      {
        auto lease =
            Get(co_await slots->Acquire(world.base, SlotUse::kEvaluate));
        before = lease->tree().overlay ? lease->tree().overlay->upper
                                       : lease->tree().root;
        WriteFile(before / "left.o", "by a process that would not die");
        lease->MarkDirty();
      }
      auto lease = Get(co_await slots->Acquire(world.base, SlotUse::kEvaluate));
      CHECK(world.In(*lease, "test ! -e left.o && test -f built.o") == 0);
    });
  });
}

TEST_CASE("a failing setup fails the asker, and the next one tries again") {
  ForBothModes([](SlotMode mode) {
    SlotWorld world;
    SlotOptions options = world.Options(mode);
    int tries = 0;
    options.provision = [&](const WorkTree& tree) -> Task<Result<void>> {
      WriteFile(tree.root / "half", "done");
      if (++tries == 1) {
        co_return Error{.code = ErrorCode::kCheck, .what = "setup: exit 1"};
      }
      CHECK(fs::exists(tree.root / "a.txt"));
      co_return Ok();
    };
    auto slots = MakeWorkspaces(std::move(options));
    world.Run([&]() -> Task<void> {
      const auto failed =
          co_await slots->Acquire(world.base, SlotUse::kEvaluate);
      REQUIRE_FALSE(failed.has_value());
      CHECK(failed.error().what == "setup: exit 1");
      auto lease = Get(co_await slots->Acquire(world.base, SlotUse::kEvaluate));
      CHECK(world.In(*lease, "grep -q alpha a.txt") == 0);
    });
    CHECK(tries == 2);
  });
}

TEST_CASE("a copy that is not there is named with its key") {
  ForBothModes([](SlotMode mode) {
    SlotWorld world;
    SlotOptions options = world.Options(mode);
    options.copy = {"data/missing.bin"};
    auto slots = MakeWorkspaces(std::move(options));
    world.Run([&]() -> Task<void> {
      const auto failed =
          co_await slots->Acquire(world.base, SlotUse::kEvaluate);
      REQUIRE_FALSE(failed.has_value());
      const std::string text = failed.error().Text();
      CHECK(text.find("evaluation.copy") != std::string::npos);
      CHECK(text.find("data/missing.bin") != std::string::npos);
    });
  });
}

}  // namespace
}  // namespace coppice::vcs
