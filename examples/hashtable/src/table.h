#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

// A hash table from 64-bit keys to 64-bit values: open addressing with linear
// probing in an array whose size is a power of two. An erased slot stays
// behind as a marker, so that the keys beyond it are still found, until the
// next rehash sweeps it away.
class Table {
 public:
  using Key = std::uint64_t;
  using Value = std::uint64_t;

  Table();

  // Inserts the key or overwrites its value.
  void Set(Key key, Value value);
  // Null if there is no such key. Valid until the next Set or Erase.
  const Value* Find(Key key) const;
  // False if there was no such key.
  bool Erase(Key key);

  std::size_t size() const { return live_; }
  std::size_t memory_bytes() const { return slots_.size() * sizeof(Slot); }
  // Slots looked at to find `key`, or to find that it is not there.
  std::size_t ProbeLength(Key key) const;

 private:
  enum class State : std::uint8_t { kEmpty, kLive, kErased };

  struct Slot {
    Key key = 0;
    Value value = 0;
    State state = State::kEmpty;
  };

  std::size_t mask() const { return slots_.size() - 1; }
  std::size_t Lookup(Key key) const;
  void Place(Key key, Value value);
  void Rehash(std::size_t capacity);

  std::vector<Slot> slots_;
  std::size_t live_ = 0;
  std::size_t used_ = 0;  // live and erased
};
