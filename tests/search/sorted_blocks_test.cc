#include "search/sorted_blocks.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <set>
#include <utility>
#include <vector>

#include "base/rng.h"

namespace coppice::search {
namespace {

using Member = std::pair<int, int>;

std::vector<Member> InOrder(const SortedBlocks<Member>& blocks) {
  return {blocks.begin(), blocks.end()};
}

TEST_CASE("sorted blocks grow, shrink and count as a set does") {
  Rng rng(11);
  SortedBlocks<Member> blocks;
  std::set<Member> set;
  // Up to a few thousand members and down to none, more than once.
  for (int step = 0; step < 60000; ++step) {
    const bool rising = step / 10000 % 2 == 0;
    const Member member(static_cast<int>(rng.Below(300)),
                        static_cast<int>(rng.Below(20)));
    if (rng.Chance(rising ? .8 : .2)) {
      blocks.Insert(member);
      set.insert(member);
    } else if (rng.Chance(.1) || set.empty()) {
      blocks.Erase(member);
      set.erase(member);
    } else {
      auto at = set.lower_bound(member);
      const Member there = at == set.end() ? *set.begin() : *at;
      blocks.Erase(there);
      set.erase(there);
    }
    REQUIRE(blocks.size() == set.size());
    REQUIRE(blocks.empty() == set.empty());
    if (set.empty()) continue;
    REQUIRE(blocks.front() == *set.begin());
    REQUIRE(blocks.back() == *set.rbegin());
    const auto found = blocks.LowerBound(member);
    const auto expected = set.lower_bound(member);
    REQUIRE((found == blocks.end()) == (expected == set.end()));
    if (expected != set.end()) REQUIRE(*found == *expected);
    if (step % 97 != 0) continue;
    const std::vector<Member> members(set.begin(), set.end());
    REQUIRE(InOrder(blocks) == members);
    REQUIRE(std::equal(blocks.rbegin(), blocks.rend(), members.rbegin(),
                       members.rend()));
    REQUIRE(blocks.CountBelow(member) ==
            static_cast<std::size_t>(std::distance(set.begin(), expected)));
    const std::size_t rank = rng.Below(members.size());
    REQUIRE(blocks.At(rank) == members[rank]);
  }
  while (!set.empty()) {
    blocks.Erase(*set.begin());
    set.erase(set.begin());
  }
  CHECK(blocks.empty());
  CHECK(blocks.begin() == blocks.end());
}

}  // namespace
}  // namespace coppice::search
