#include "table.h"

#include <utility>

namespace {

constexpr std::size_t kInitialCapacity = 16;  // a power of two
constexpr std::size_t kGrowth = 2;            // a power of two
constexpr std::size_t kMaxLoadPercent = 50;

// The finalizer of MurmurHash3: each bit of the key reaches every bit.
std::uint64_t Mix(std::uint64_t h) {
  h ^= h >> 33;
  h *= 0xff51afd7ed558ccd;
  h ^= h >> 33;
  h *= 0xc4ceb9fe1a85ec53;
  h ^= h >> 33;
  return h;
}

}  // namespace

Table::Table() : slots_(kInitialCapacity) {}

// The slot of the key, or the empty one where the search for it ends.
std::size_t Table::Lookup(Key key) const {
  std::size_t i = Mix(key) & mask();
  for (std::size_t probes = 0; probes < slots_.size(); ++probes) {
    if (slots_[i].state == State::kEmpty) break;
    if (slots_[i].state == State::kLive && slots_[i].key == key) break;
    i = (i + 1) & mask();
  }
  return i;
}

const Table::Value* Table::Find(Key key) const {
  if (live_ == 0) return nullptr;
  const Slot& slot = slots_[Lookup(key)];
  if (slot.state != State::kLive) return nullptr;
  return &slot.value;
}

void Table::Set(Key key, Value value) {
  Slot& slot = slots_[Lookup(key)];
  if (slot.state == State::kLive) {
    slot.value = value;
    return;
  }
  if ((used_ + 1) * 100 > slots_.size() * kMaxLoadPercent) {
    // Many erased slots: sweeping them away is enough.
    const bool sweep = live_ * 2 < used_;
    Rehash(sweep ? slots_.size() : slots_.size() * kGrowth);
  }
  Place(key, value);
}

bool Table::Erase(Key key) {
  Slot& slot = slots_[Lookup(key)];
  if (slot.state != State::kLive) return false;
  slot.state = State::kErased;
  --live_;
  return true;
}

// Puts a key that is not there into the empty slot where its search ends.
void Table::Place(Key key, Value value) {
  slots_[Lookup(key)] = {key, value, State::kLive};
  ++live_;
  ++used_;
}

void Table::Rehash(std::size_t capacity) {
  std::vector<Slot> old(capacity);
  old.swap(slots_);
  live_ = 0;
  used_ = 0;
  for (const Slot& slot : old) {
    if (slot.state == State::kLive) Place(slot.key, slot.value);
  }
}

std::size_t Table::ProbeLength(Key key) const {
  return ((Lookup(key) - Mix(key)) & mask()) + 1;
}
