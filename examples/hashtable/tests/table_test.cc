#include "../src/table.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <unordered_map>

// Exits with 1 and names the line at the first broken promise.
#define CHECK(condition)                                                   \
  do {                                                                     \
    if (!(condition)) {                                                    \
      std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      std::exit(1);                                                        \
    }                                                                      \
  } while (false)

namespace {

// SplitMix64.
struct Random {
  std::uint64_t state;
  std::uint64_t operator()() {
    std::uint64_t z = (state += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
};

void EmptyTable() {
  Table table;
  CHECK(table.size() == 0);
  CHECK(table.Find(0) == nullptr);
  CHECK(table.Find(~std::uint64_t{0}) == nullptr);
  CHECK(!table.Erase(7));
}

void SetFindErase() {
  Table table;
  table.Set(0, 10);
  table.Set(1, 11);
  table.Set(0, 12);
  CHECK(table.size() == 2);
  CHECK(table.Find(0) && *table.Find(0) == 12);
  CHECK(table.Find(1) && *table.Find(1) == 11);
  CHECK(table.Find(2) == nullptr);
  CHECK(table.Erase(0));
  CHECK(!table.Erase(0));
  CHECK(table.Find(0) == nullptr);
  CHECK(table.size() == 1);
  table.Set(0, 13);
  CHECK(*table.Find(0) == 13);
}

// The same random operations on both, keys from a small range so that they
// meet again.
void AgreesWithUnorderedMap(std::uint64_t seed, std::uint64_t keys) {
  Random random{seed};
  Table table;
  std::unordered_map<std::uint64_t, std::uint64_t> model;
  for (int i = 0; i < 60000; ++i) {
    const std::uint64_t key = random() % keys * 0x100000001;
    switch (random() % 4) {
      case 0:
      case 1:
        table.Set(key, static_cast<std::uint64_t>(i));
        model[key] = static_cast<std::uint64_t>(i);
        break;
      case 2:
        CHECK(table.Erase(key) == (model.erase(key) == 1));
        break;
      default: {
        const auto found = model.find(key);
        const std::uint64_t* value = table.Find(key);
        CHECK((value != nullptr) == (found != model.end()));
        if (value) CHECK(*value == found->second);
      }
    }
    CHECK(table.size() == model.size());
  }
  for (const auto& [key, value] : model)
    CHECK(table.Find(key) && *table.Find(key) == value);
}

// A queue: keys come and go, the table must neither grow without bound nor
// drown in erased slots.
void ComeAndGo() {
  Table table;
  for (std::uint64_t key = 0; key < 100000; ++key) {
    table.Set(key, key);
    if (key >= 100) CHECK(table.Erase(key - 100));
  }
  CHECK(table.size() == 100);
  CHECK(table.memory_bytes() < 100000);
}

// Ids, pointers, pages, random: no common kind of key may end in long probes.
void SpreadsCommonKeys() {
  for (const std::uint64_t stride : {1, 8, 48, 4096, 0}) {
    Table table;
    std::uint64_t total = 0;
    constexpr std::uint64_t kKeys = 5000;
    auto key = [&](std::uint64_t i) {
      return stride > 0 ? 0x7f0000000000 + i * stride : Random{i}();
    };
    for (std::uint64_t i = 0; i < kKeys; ++i) table.Set(key(i), i);
    for (std::uint64_t i = 0; i < kKeys; ++i) {
      CHECK(table.Find(key(i)) && *table.Find(key(i)) == i);
      total += table.ProbeLength(key(i)) + table.ProbeLength(key(i + kKeys));
    }
    CHECK(total < 8 * 2 * kKeys);
  }
}

}  // namespace

int main() {
  EmptyTable();
  SetFindErase();
  for (const std::uint64_t keys : {1, 10, 300, 20000})
    AgreesWithUnorderedMap(keys, keys);
  ComeAndGo();
  SpreadsCommonKeys();
  std::puts("all tests passed");
}
