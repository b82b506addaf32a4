#include "search/ranking.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "base/rng.h"

namespace coppice::search {
namespace {

struct Member {
  NodeId node;
  Standing standing;
};

double BruteMidrank(const std::vector<Member>& members, double score) {
  double below = 0;
  double same = 0;
  for (const Member& m : members) {
    below += m.standing.score < score ? 1 : 0;
    same += m.standing.score == score ? 1 : 0;
  }
  return below + (same - 1) / 2;
}

// Who is not beaten: by a node as good with fewer attempts, or by a better or
// newer one with as many.
std::vector<NodeId> BruteFront(const std::vector<Member>& members,
                               Access access) {
  std::vector<Member> front;
  for (const Member& m : members) {
    auto beats = [&](const Member& other) {
      const Standing& a = other.standing;
      const Standing& b = m.standing;
      if (a.access != access) return false;
      if (a.attempts < b.attempts) return a.score >= b.score;
      return a.attempts == b.attempts &&
             std::pair(a.score, other.node) > std::pair(b.score, m.node);
    };
    if (m.standing.access == access && std::ranges::none_of(members, beats)) {
      front.push_back(m);
    }
  }
  std::ranges::sort(front, {},
                    [](const Member& m) { return m.standing.attempts; });
  std::vector<NodeId> nodes;
  for (const Member& m : front) nodes.push_back(m.node);
  return nodes;
}

TEST_CASE("equal scores share the middle of their ranks") {
  Ranking ranking;
  const double scores[] = {1, 2, 2, 2, 5};
  std::uint32_t id = 0;
  for (double score : scores) {
    ranking.Move(NodeId(id++), std::nullopt, Standing{.score = score});
  }
  CHECK(ranking.Midrank(1) == 0);
  CHECK(ranking.Midrank(2) == 2);
  CHECK(ranking.Midrank(5) == 4);
  CHECK(ranking.best() == 5);
}

TEST_CASE("whatever moves, ranks and front are those of the definition") {
  Rng rng(3);
  Ranking ranking;
  std::vector<Member> members;
  for (int step = 0; step < 2000; ++step) {
    const bool add = members.size() < 5 || rng.Chance(.4);
    const bool remove = !add && rng.Chance(.3);
    Standing to{.score = static_cast<double>(rng.Below(12)),
                .attempts = static_cast<int>(rng.Below(5)),
                .access = static_cast<Access>(rng.Below(3))};
    if (add) {
      members.push_back({NodeId(static_cast<std::uint32_t>(step)), to});
      ranking.Move(members.back().node, std::nullopt, to);
    } else {
      Member& chosen = members[rng.Below(members.size())];
      if (remove) {
        ranking.Move(chosen.node, chosen.standing, std::nullopt);
        std::swap(chosen, members.back());
        members.pop_back();
      } else {
        ranking.Move(chosen.node, chosen.standing, to);
        chosen.standing = to;
      }
    }
    REQUIRE(ranking.size() == members.size());
    for (double score = 0; score < 12; ++score) {
      if (std::ranges::any_of(members, [&](const Member& m) {
            return m.standing.score == score;
          })) {
        REQUIRE(ranking.Midrank(score) == BruteMidrank(members, score));
      }
    }
    std::vector<NodeId> front;
    ranking.VisitFront(
        [&](NodeId node, double, int) { front.push_back(node); });
    REQUIRE(front ==
            BruteFront(members,
                       ranking.AnyOpen() ? Access::kOpen : Access::kExhausted));
  }
}

}  // namespace
}  // namespace coppice::search
