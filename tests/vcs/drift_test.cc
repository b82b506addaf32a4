#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "vcs/slot_world.h"

// The checkout below the slots follows the best node: real commits, looked at
// through real mounts.

namespace coppice::testing {
namespace {

namespace fs = std::filesystem;

constexpr int kFiles = vcs::kDriftFiles;

// A base of more files than a move takes, and a best that has changed them all.
struct DriftWorld : SlotWorld {
  DriftWorld() {
    for (int i = 0; i < kFiles; ++i) Write(File(i), "base\n");
    GitFixture::Commit("files");
    base = Must(store->Resolve("HEAD"));
    std::vector<FileChange> changes{{"dir/b.txt", std::nullopt}};
    for (int i = 0; i < kFiles; ++i) changes.push_back({File(i), "best\n"});
    best = Make(base, std::move(changes));
    REQUIRE(store->PublishBest("run", best).has_value());
    // A build that says what it found: the one of the base stays visible.
    provision = [](const fs::path& tree) {
      const bool built = fs::exists(tree / "built.o");
      WriteFile(tree / "built.o", built ? "built further" : "built anew");
      if (!built) WriteFile(tree / "slow.o", "two hours");
    };
  }

  static std::string File(int number) { return fmt::format("f{}.txt", number); }

  vcs::SlotOptions Moving() {
    vcs::SlotOptions options = Options(vcs::SlotMode::kOverlay);
    options.evaluation_slots = 2;
    options.may_move = true;
    return options;
  }

  // Evaluates so many children of a commit; what the last one stood on.
  Task<std::string> Grow(Workspaces& slots, ObjectId parent, int nodes) {
    std::string below;
    for (int i = 0; i < nodes; ++i) {
      const ObjectId node =
          Make(parent, {{"a.txt", fmt::format("{} {}\n", parent.Hex(), i)}});
      auto lease = co_await slots.Acquire(node, SlotUse::kEvaluate);
      REQUIRE(lease.has_value());
      below = Below(**lease);
    }
    co_return below;
  }

  static std::string Below(const Lease& lease) {
    return lease.tree().overlay->lower.parent_path().filename().string();
  }

  ObjectId best;
};

bool NoOverlays() {
  if (CanMountOverlay()) return false;
  MESSAGE("skipped: no overlay can be mounted on this machine");
  return true;
}

}  // namespace

TEST_CASE("slots stand on the best once nodes have drifted far from the base") {
  if (NoOverlays()) return;
  DriftWorld world;
  auto slots = vcs::MakeWorkspaces(world.Moving());
  world.Run([&]() -> Task<void> {
    auto kept = co_await slots->Acquire(world.best, SlotUse::kEvaluate);
    REQUIRE(kept.has_value());
    const std::string before =
        co_await world.Grow(*slots, world.best, vcs::kDriftWindow - 1);
    CHECK(before.starts_with("base-"));
    CHECK(world.provisions == 2);
    const std::string after = co_await world.Grow(*slots, world.best, 1);
    CHECK(after.starts_with("moved-" + world.best.Hex().substr(0, 12)));
    // What was built for the base was built further, not again.
    auto lease = co_await slots->Acquire(world.best, SlotUse::kEvaluate);
    REQUIRE(lease.has_value());
    CHECK(world.In(**lease,
                   "grep -q best f0.txt && test ! -e dir/b.txt && test -x "
                   "dir/run.sh && grep -q further built.o && grep -q hours "
                   "slow.o && grep -q data data/set.bin") == 0);
    CHECK(fs::is_empty((*lease)->tree().overlay->upper));
    // Who was there before stays where he is.
    CHECK(DriftWorld::Below(**kept).starts_with("base-"));
    CHECK(world.In(**kept, "grep -q best f0.txt && grep -q anew built.o") == 0);
  });
}

TEST_CASE("any commit is shown whole on a checkout that has moved") {
  if (NoOverlays()) return;
  DriftWorld world;
  auto slots = vcs::MakeWorkspaces(world.Moving());
  world.Run([&]() -> Task<void> {
    co_await world.Grow(*slots, world.best, vcs::kDriftWindow);
    auto base = co_await slots->Acquire(world.base, SlotUse::kEvaluate);
    REQUIRE(base.has_value());
    CHECK(DriftWorld::Below(**base).starts_with("moved-"));
    CHECK(world.In(**base,
                   "grep -q base f0.txt && grep -q beta dir/b.txt && grep -q "
                   "alpha a.txt && test -x dir/run.sh") == 0);
    auto none = co_await slots->Touched(**base);
    REQUIRE(none.has_value());
    CHECK(List(*none) == "");
    // What is confirmed in a clean checkout has none of this below it, and
    // COPPICE_BASE is the base.
    base->reset();
    auto clean = co_await slots->Acquire(world.best, SlotUse::kClean);
    REQUIRE(clean.has_value());
    CHECK(world.In(**clean, "grep -q best f0.txt && grep -q anew built.o") ==
          0);
    auto checkout = co_await slots->BaseCheckout();
    REQUIRE(checkout.has_value());
    CHECK(ReadFile(*checkout / "f0.txt") == "base\n");
  });
}

TEST_CASE("a checkout that moves again leaves one behind, not many") {
  if (NoOverlays()) return;
  DriftWorld world;
  auto slots = vcs::MakeWorkspaces(world.Moving());
  auto moved = [&] {
    int count = 0;
    for (const auto& entry : fs::directory_iterator(world.cache())) {
      const std::string name = entry.path().filename().string();
      count += entry.is_directory() && name.starts_with("moved-") ? 1 : 0;
    }
    return count;
  };
  world.Run([&]() -> Task<void> {
    ObjectId best = world.best;
    for (int round = 0; round < 3; ++round) {
      co_await world.Grow(*slots, best, vcs::kDriftWindow + 1);
      std::vector<FileChange> changes;
      for (int i = 0; i < kFiles; ++i) {
        changes.push_back(
            {DriftWorld::File(i), fmt::format("round {}\n", round)});
      }
      best = world.Make(best, std::move(changes));
      REQUIRE(world.store->PublishBest("run", best).has_value());
    }
  });
  for (int tries = 0; tries < 600 && moved() != 1; ++tries) usleep(50'000);
  CHECK(moved() == 1);
  CHECK(world.provisions == 4);
  slots.reset();
  const auto idle = vcs::IdleSlots(world.cache());
  CHECK(idle.size() >= 3);  // base, moved, slots: all may go now
  for (const auto& [path, bytes] : idle) {
    CHECK(vcs::RemoveSlot(path).has_value());
  }
  CHECK(fs::is_empty(world.cache()));
}

TEST_CASE("a move that fails, and one that a crash cut short, harm nothing") {
  if (NoOverlays()) return;
  DriftWorld world;
  const fs::path at =
      world.cache() /
      fmt::format("moved-{:.12}-{:.12}", world.best.Hex(), "0123456789abcdef");
  WriteFile(at / "tree/a.txt", "half of a copy");  // no mark that it is whole
  vcs::SlotOptions options = world.Moving();
  bool fails = true;
  options.provision = [&](const WorkTree& tree) -> Task<Result<void>> {
    const bool moves = tree.root == at / "tree";
    if (moves && fails) co_return Error{.what = "the build failed"};
    world.provision(tree.root);
    co_return Ok();
  };
  auto slots = vcs::MakeWorkspaces(options);
  world.Run([&]() -> Task<void> {
    std::string below =
        co_await world.Grow(*slots, world.best, vcs::kDriftWindow + 1);
    CHECK(below.starts_with("base-"));
    fails = false;
    below = co_await world.Grow(*slots, world.best, vcs::kDriftWindow + 1);
    CHECK(below.starts_with("moved-"));
    auto lease = co_await slots->Acquire(world.best, SlotUse::kEvaluate);
    REQUIRE(lease.has_value());
    CHECK(world.In(**lease, "grep -q alpha a.txt && grep -q best f0.txt") == 0);
  });
}

TEST_CASE("slots stay where they are while nodes are near, or elsewhere") {
  if (NoOverlays()) return;
  DriftWorld world;
  auto slots = vcs::MakeWorkspaces(world.Moving());
  world.Run([&]() -> Task<void> {
    // One file each: nothing to be gained.
    std::string below =
        co_await world.Grow(*slots, world.base, 2 * vcs::kDriftWindow);
    CHECK(below.starts_with("base-"));
    // Far from the base, and as far from the best.
    std::vector<FileChange> changes;
    for (int i = 0; i < kFiles; ++i) {
      changes.push_back({DriftWorld::File(i), "elsewhere\n"});
    }
    const ObjectId elsewhere = world.Make(world.base, std::move(changes));
    below = co_await world.Grow(*slots, elsewhere, 2 * vcs::kDriftWindow);
    CHECK(below.starts_with("base-"));
  });
  CHECK(world.provisions == 1);
}

}  // namespace coppice::testing
