#include "vcs/slots.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <list>
#include <optional>

#include "base/durable_file.h"
#include "base/file.h"
#include "base/log.h"
#include "vcs/base_checkout.h"
#include "vcs/drift.h"
#include "vcs/slot_kinds.h"

// Leases. A slot directory belongs to the process that holds its lock file, so
// two searches in one repository never share one; the number that commands see
// counts within this process.

namespace coppice::vcs {
namespace fs = std::filesystem;
namespace {

constexpr int kMostDirectories = 10'000;

// A copy of a checkout takes as much again where the file system cannot share
// what is equal. Something is left for the run itself.
bool HasRoomForCopy(const fs::path& tree) {
  constexpr std::uint64_t kLeft = std::uint64_t{1} << 30;
  std::uint64_t bytes = kLeft;
  Walk(tree, [&](const std::string&, const struct stat& st) {
    bytes += static_cast<std::uint64_t>(st.st_blocks) * 512;
  });
  struct statvfs disk{};
  return statvfs(tree.c_str(), &disk) == 0 &&
         static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize > bytes;
}

fs::path LockFile(const fs::path& slot) { return slot.string() + ".lock"; }

class Slots;

class SlotLease final : public Lease {
 public:
  SlotLease(Slots& owner, Slot& slot, Semaphore::Permit permit,
            std::shared_ptr<BaseCheckout> below, WorkTree tree)
      : owner_(owner),
        slot_(slot),
        permit_(std::move(permit)),
        below_(std::move(below)),
        tree_(std::move(tree)) {}
  ~SlotLease() override;

  const WorkTree& tree() const override { return tree_; }
  ObjectId commit() const override { return slot_.commit; }
  void MarkDirty() override { slot_.dirty = true; }
  bool Intact() const override;
  Slot& slot() const { return slot_; }

 private:
  Slots& owner_;
  Slot& slot_;
  Semaphore::Permit permit_;
  std::shared_ptr<BaseCheckout> below_;  // of an overlay
  WorkTree tree_;
};

class Slots final : public Workspaces {
 public:
  explicit Slots(SlotOptions options)
      : options_(std::move(options)),
        base_(std::make_shared<vcs::BaseCheckout>(options_,
                                                  At("base", options_.base))),
        below_(base_),
        overlays_(options_),
        pool_(options_),
        evaluating_(options_.executor, std::max(1, options_.evaluation_slots)),
        proposing_(options_.executor, std::max(1, options_.proposer_slots)) {}

  Task<Result<std::unique_ptr<Lease>>> Acquire(ObjectId commit,
                                               SlotUse use) override;
  Task<Result<std::vector<TouchedPath>>> Touched(const Lease& lease) override;
  Task<Result<void>> Restore(const Lease& lease,
                             std::span<const std::string> paths) override;
  Task<Result<void>> Lend(const Lease& lease,
                          std::span<const std::string> paths) override;
  Task<Result<void>> TakeBack(const Lease& lease,
                              std::span<const std::string> paths) override;
  Task<Result<fs::path>> BaseCheckout() override;

  void Release(Slot& slot, std::shared_ptr<vcs::BaseCheckout> below);

 private:
  Task<Result<void>> Provision(Slot& slot);
  Result<Slot*> FreeSlot(SlotUse use);
  fs::path At(std::string_view kind, ObjectId commit) const {
    return options_.cache_dir /
           fmt::format("{}-{:.12}-{:.12}", kind, commit.Hex(), options_.digest);
  }
  const fs::path& SlotDirectory() const {
    const bool apart =
        options_.mode == SlotMode::kOverlay && !options_.overlay_dir.empty();
    return apart ? options_.overlay_dir : options_.cache_dir;
  }
  Task<void> MoveBelow();

  SlotOptions options_;
  const std::shared_ptr<vcs::BaseCheckout> base_;
  // What new slots stand on: the base, or a node that was the best.
  std::shared_ptr<vcs::BaseCheckout> below_;
  Drift drift_;
  bool moving_ = false;
  OverlaySlots overlays_;
  PoolSlots pool_;
  Semaphore evaluating_;
  Semaphore proposing_;
  std::list<Slot> slots_;
  std::vector<std::shared_ptr<vcs::BaseCheckout>> retired_;
  int next_aside_ = 0;
  int next_clean_ = 0;
};

SlotLease::~SlotLease() { owner_.Release(slot_, std::move(below_)); }

bool SlotLease::Intact() const {
  const fs::path here = tree_.overlay ? tree_.overlay->upper : tree_.root;
  return access(here.c_str(), F_OK) == 0 &&
         access(tree_.root.c_str(), F_OK) == 0 &&
         (!tree_.overlay ||
          access((tree_.root.parent_path() / "ready").c_str(), F_OK) == 0);
}

// A slot nobody uses, or a new one. Proposers have slots of their own, with
// numbers behind those of the evaluator.
Result<Slot*> Slots::FreeSlot(SlotUse use) {
  const int first =
      use == SlotUse::kPropose ? std::max(1, options_.evaluation_slots) : 0;
  const int end = use == SlotUse::kPropose
                      ? first + std::max(1, options_.proposer_slots)
                      : std::max(1, options_.evaluation_slots);
  for (auto it = slots_.begin(); it != slots_.end(); ++it) {
    if (it->busy || it->number < first || it->number >= end) continue;
    if (IsStill(it->lock, LockFile(it->dir))) return &*it;
    slots_.erase(it);  // deleted from outside, and perhaps somebody else's now
    break;
  }
  int number = first;
  auto taken = [&](const Slot& slot) { return slot.number == number; };
  while (std::ranges::any_of(slots_, taken)) ++number;
  Slot slot;
  slot.number = number;
  const fs::path& directory = SlotDirectory();
  Result<void> made = MakeDirectories(directory);
  if (!made) return made.error();
  for (int i = 0; !slot.lock; ++i) {
    slot.dir = directory / fmt::format("slot-{}", i);
    slot.lock = TryLock(LockFile(slot.dir));
    if (!slot.lock && i == kMostDirectories) {
      return DiskError("lock a slot", slot.dir);
    }
  }
  slots_.push_back(std::move(slot));
  return &slots_.back();
}

Task<Result<std::unique_ptr<Lease>>> Slots::Acquire(ObjectId commit,
                                                    SlotUse use) {
  Semaphore::Permit permit =
      co_await (use == SlotUse::kPropose ? proposing_ : evaluating_).Acquire();
  Result<Slot*> free = FreeSlot(use);
  if (!free) co_return free.error();
  Slot& slot = **free;
  slot.busy = true;
  slot.dirty = false;
  // From here on the lease gives the slot back, whatever goes wrong.
  const bool overlay = options_.mode == SlotMode::kOverlay;
  std::shared_ptr<vcs::BaseCheckout> below;
  WorkTree tree;
  Result<void> ready = Ok();
  if (!overlay) {
    if (use == SlotUse::kClean) slot.provisioned = false;
    tree = pool_.View(slot);
  } else {
    below = use == SlotUse::kClean
                ? std::make_shared<vcs::BaseCheckout>(
                      options_,
                      options_.cache_dir /
                          fmt::format("clean-{}-{}", getpid(), next_clean_++))
                : below_;
    ready = co_await below->Ready();
    tree = overlays_.View(slot, below->tree());
  }
  auto lease = std::make_unique<SlotLease>(*this, slot, std::move(permit),
                                           below, std::move(tree));
  if (ready && !overlay) {
    if (!slot.provisioned || access((slot.dir / "tree").c_str(), F_OK) != 0) {
      ready = co_await Provision(slot);
    }
  }
  if (!ready) co_return ready.error();
  auto prepare = [&] {
    return overlay
               ? overlays_.Prepare(slot, below->tree(), below->commit(), commit)
               : pool_.Prepare(slot, commit);
  };
  Result<void> prepared = co_await Offload(options_.compute, prepare);
  if (!prepared) {
    lease->MarkDirty();
    co_return prepared.error();
  }
  if (overlay && options_.may_move && use == SlotUse::kEvaluate) {
    drift_.Note(commit, slot.changed);
    if (drift_.IsFar() && !moving_) co_await MoveBelow();
  }
  co_return std::unique_ptr<Lease>(std::move(lease));
}

// By whoever notices; the other slots go on meanwhile. What is there is never
// changed, and what fails leaves it in use. Leases keep what they stand on.
Task<void> Slots::MoveBelow() {
  const std::optional<ObjectId> best = options_.store.PublishedBest();
  if (!best || *best == below_->commit()) co_return;
  moving_ = true;
  auto made = std::make_shared<vcs::BaseCheckout>(options_, At("moved", *best),
                                                  *best, below_);
  const Drift noted = std::exchange(drift_, Drift());
  auto pays = [&] {
    return noted.MovePays(options_.store, *best) &&
           HasRoomForCopy(below_->tree());
  };
  if (co_await Offload(options_.compute, pays)) {
    Result<void> ready = co_await made->Ready();
    if (ready) {
      LogInfo(fmt::format("slots stand on {:.10} now", best->Hex()));
      std::swap(below_, made);
      drift_.Begin();
    } else {
      LogWarning("slots stay on the checkout they have: " +
                 ready.error().Text());
    }
    // What no slot needs any more goes; the base is everybody's.
    if (made != base_) retired_.push_back(std::move(made));
  }
  moving_ = false;
}

Task<Result<void>> Slots::Provision(Slot& slot) {
  auto fill = [&] { return pool_.Fill(slot); };
  Result<void> filled = co_await Offload(options_.compute, fill);
  if (!filled) co_return filled;
  if (options_.provision) {
    const WorkTree tree = pool_.View(slot);
    Result<void> provisioned = co_await options_.provision(tree);
    if (!provisioned) co_return provisioned;
  }
  auto note = [&] { pool_.Provisioned(slot); };
  co_await Offload(options_.compute, note);
  co_return Ok();
}

void Slots::Release(Slot& slot, std::shared_ptr<vcs::BaseCheckout> below) {
  std::vector<fs::path> garbage;
  const bool clean =
      below != nullptr && below->dir().filename().string().starts_with("clean");
  if (clean) {
    garbage.push_back(below->dir());
    garbage.push_back(below->dir().string() + ".lock");
    garbage.push_back(below->dir().string() + ".users");
    slot.provisioned = false;
  }
  below.reset();
  if (slot.dirty) {
    // Whatever still lives in there must not meet the next node.
    const fs::path aside = slot.dir.string() +
                           fmt::format("-dirty-{}-{}", getpid(), next_aside_++);
    if (rename(slot.dir.c_str(), aside.c_str()) == 0) garbage.push_back(aside);
    slot.provisioned = false;
  }
  slot.busy = false;
  auto unused = std::ranges::partition(
      retired_, [](const auto& kept) { return kept.use_count() > 1; });
  std::vector<std::shared_ptr<vcs::BaseCheckout>> discarded(
      std::make_move_iterator(unused.begin()),
      std::make_move_iterator(unused.end()));
  retired_.erase(unused.begin(), unused.end());
  if (garbage.empty() && discarded.empty()) return;
  options_.compute.Run([garbage, discarded] {
    for (const fs::path& path : garbage) RemoveAll(path);
    for (const auto& checkout : discarded) checkout->Discard();
  });
}

Task<Result<std::vector<TouchedPath>>> Slots::Touched(const Lease& lease) {
  const auto& mine = static_cast<const SlotLease&>(lease);
  const bool overlay = options_.mode == SlotMode::kOverlay;
  auto look = [&] {
    return overlay ? overlays_.Touched(mine.slot(), mine.tree().root)
                   : pool_.Touched(mine.slot());
  };
  co_return co_await Offload(options_.compute, look);
}

Task<Result<void>> Slots::Restore(const Lease& lease,
                                  std::span<const std::string> paths) {
  const auto& mine = static_cast<const SlotLease&>(lease);
  const bool overlay = options_.mode == SlotMode::kOverlay;
  auto restore = [&] {
    return overlay ? overlays_.Restore(mine.slot(), mine.tree().root, paths)
                   : pool_.Restore(mine.slot(), paths);
  };
  co_return co_await Offload(options_.compute, restore);
}

Task<Result<void>> Slots::Lend(const Lease& lease,
                               std::span<const std::string> paths) {
  const auto& mine = static_cast<const SlotLease&>(lease);
  const bool overlay = options_.mode == SlotMode::kOverlay;
  auto lend = [&] {
    return overlay ? overlays_.Lend(mine.slot(), paths)
                   : pool_.Lend(mine.slot(), paths);
  };
  co_return co_await Offload(options_.compute, lend);
}

Task<Result<void>> Slots::TakeBack(const Lease& lease,
                                   std::span<const std::string> paths) {
  const auto& mine = static_cast<const SlotLease&>(lease);
  const bool overlay = options_.mode == SlotMode::kOverlay;
  auto take = [&] {
    return overlay ? overlays_.TakeBack(mine.slot(), paths)
                   : pool_.TakeBack(mine.slot(), paths);
  };
  co_return co_await Offload(options_.compute, take);
}

Task<Result<fs::path>> Slots::BaseCheckout() {
  Result<void> ready = co_await base_->Ready();
  if (!ready) co_return ready.error();
  co_return base_->tree();
}

}  // namespace

std::unique_ptr<Workspaces> MakeWorkspaces(SlotOptions options) {
  return std::make_unique<Slots>(std::move(options));
}

std::vector<std::pair<fs::path, std::uint64_t>> IdleSlots(
    const fs::path& cache_dir) {
  std::vector<std::pair<fs::path, std::uint64_t>> idle;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(cache_dir, ignored)) {
    if (!entry.is_directory()) continue;
    const std::string name = entry.path();
    bool free = true;
    for (const char* suffix : {".lock", ".users"}) {
      const std::string file = name + suffix;
      if (access(file.c_str(), F_OK) == 0 && !TryLock(file)) free = false;
    }
    if (!free) continue;
    std::uint64_t bytes = 0;
    Walk(entry.path(), [&](const std::string&, const struct stat& st) {
      bytes += static_cast<std::uint64_t>(st.st_blocks) * 512;
    });
    idle.emplace_back(entry.path(), bytes);
  }
  std::ranges::sort(idle);
  return idle;
}

Result<void> RemoveSlot(const fs::path& slot) {
  Result<void> removed = RemoveAll(slot);
  for (const char* suffix : {".lock", ".users"}) {
    if (removed) removed = RemoveAll(slot.string() + suffix);
  }
  return removed;
}

}  // namespace coppice::vcs
