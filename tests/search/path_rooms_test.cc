#include "search/path_rooms.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/rng.h"

namespace coppice::search {
namespace {

struct Plain {
  std::uint32_t parent;
  int room;
};

TEST_CASE("room is taken from a node and all above it, whatever the tree") {
  for (const double deep : {.99, .5, 0.}) {
    CAPTURE(deep);
    Rng rng(7);
    PathRooms rooms;
    std::vector<Plain> plain;
    auto room = [&](int low) { return low + static_cast<int>(rng.Below(30)); };
    for (int step = 0; step < 4000; ++step) {
      const auto size = static_cast<std::uint32_t>(plain.size());
      const bool root = size == 0 || rng.Chance(.002);
      const auto parent = root ? PathRooms::kNone
                          : rng.Chance(deep)
                              ? size - 1
                              : static_cast<std::uint32_t>(rng.Below(size));
      plain.push_back({.parent = parent, .room = room(1)});
      REQUIRE(rooms.Add(parent, plain.back().room) == size);

      const auto node = static_cast<std::uint32_t>(rng.Below(plain.size()));
      const int taken = static_cast<int>(rng.Below(4)) - 1;
      std::vector<bool> full(plain.size());
      for (auto at = node; at != PathRooms::kNone; at = plain[at].parent) {
        plain[at].room -= taken;
        full[at] = plain[at].room <= 0;
      }
      rooms.Take(node, taken, [&](std::uint32_t at, int left) {
        REQUIRE(full[at]);
        REQUIRE(left == plain[at].room);
        full[at] = false;
        return plain[at].room = room(1);
      });
      REQUIRE(std::ranges::find(full, true) == full.end());
      if (step % 50 != 0) continue;
      auto expected = node;
      std::vector<std::uint32_t> path;
      rooms.RenewPath(node, [&](std::uint32_t at, int left) {
        path.push_back(at);
        REQUIRE(left == plain[at].room);
        return plain[at].room = room(1);
      });
      for (auto at = path.rbegin(); at != path.rend(); ++at) {
        REQUIRE(*at == expected);
        expected = plain[expected].parent;
      }
      REQUIRE(expected == PathRooms::kNone);
    }
  }
}

}  // namespace
}  // namespace coppice::search
