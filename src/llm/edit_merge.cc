#include "llm/edit_merge.h"

#include <algorithm>
#include <utility>

namespace coppice::llm {
namespace {

bool SameTarget(const EditBlock& a, const EditBlock& b) {
  return a.malformed.empty() && b.malformed.empty() && a.kind == b.kind &&
         a.old_text == b.old_text && a.path == b.path;
}

bool Within(const EditBlock& a, const EditBlock& b) {
  return a.old_text.find(b.old_text) != std::string::npos;
}

// Every block again and in order, those that stood perhaps cut otherwise?
bool IsAllAgain(const std::vector<EditBlock>& blocks,
                const std::vector<EditSlot>& slots) {
  return std::ranges::equal(
      blocks, slots, [](const EditBlock& block, const EditSlot& slot) {
        if (!slot.placed) return true;
        return block.malformed.empty() && block.kind == slot.block.kind &&
               block.path == slot.block.path &&
               (Within(block, slot.block) || Within(slot.block, block));
      });
}

bool ChangesNothing(const EditSlot& slot) {
  return slot.fault && (slot.fault->cause == "no_change" ||
                        slot.fault->cause == "already_present");
}

class Merger {
 public:
  Merger(std::vector<EditBlock> blocks, std::vector<EditSlot>& slots)
      : blocks_(std::move(blocks)),
        slots_(slots),
        taken_(blocks_.size()),
        renewed_(slots.size()) {}

  void Run() {
    Match([](const EditSlot& slot, const EditBlock& block) {
      return SameTarget(slot.block, block);
    });
    Match([](const EditSlot& slot, const EditBlock& block) {
      return !slot.placed && slot.block.path == block.path;
    });
    Match([](const EditSlot& slot, const EditBlock&) { return !slot.placed; });
    DropIdle();
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      if (!taken_[i]) Append(std::move(blocks_[i]));
    }
  }

 private:
  template <typename Fits>
  void Match(const Fits& fits) {
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      if (taken_[i]) continue;
      for (std::size_t s = 0; s < slots_.size(); ++s) {
        if (renewed_[s] || !fits(slots_[s], blocks_[i])) continue;
        Renew(slots_[s], std::move(blocks_[i]));
        taken_[i] = renewed_[s] = true;
        break;
      }
    }
  }

  static void Renew(EditSlot& slot, EditBlock block) {
    if (slot.placed && slot.block == block) return;  // a good one, repeated
    slot.block = std::move(block);
    slot.placed.reset();
    slot.kept = false;
  }

  void DropIdle() {
    bool all_again = true;
    for (std::size_t s = 0; s < slots_.size(); ++s) {
      all_again &= renewed_[s] || !slots_[s].kept;
    }
    std::vector<EditSlot> left;
    last_number_ = slots_.empty() ? 0 : slots_.back().number;
    for (std::size_t s = 0; s < slots_.size(); ++s) {
      EditSlot& slot = slots_[s];
      const bool idle = ChangesNothing(slot) || (slot.block.stray && all_again);
      if (renewed_[s] || !idle) left.push_back(std::move(slot));
    }
    slots_ = std::move(left);
  }

  void Append(EditBlock block) {
    slots_.push_back({.number = ++last_number_, .block = std::move(block)});
  }

  std::vector<EditBlock> blocks_;
  std::vector<EditSlot>& slots_;
  std::vector<bool> taken_, renewed_;
  int last_number_ = 0;
};

}  // namespace

void MergeAnswer(std::vector<EditBlock> blocks, std::vector<EditSlot>& slots) {
  const bool any_stands =
      std::any_of(slots.begin(), slots.end(),
                  [](const EditSlot& slot) { return slot.placed.has_value(); });
  if (!any_stands && blocks.empty()) return;
  if (!any_stands || IsAllAgain(blocks, slots)) slots.clear();
  Merger(std::move(blocks), slots).Run();
}

}  // namespace coppice::llm
