#include "search/ucb.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "search/garden.h"
#include "search/policy_index.h"
#include "search/ucb_clock.h"

namespace coppice::search {
namespace {

// Rule 3 of ucb.cc alone: no prelude, no new roots, no floor.
spec::Spec OnlyRanks(double c) {
  spec::Spec spec = Garden::Maximize("ucb");
  spec.search.num_drafts = 0;
  spec.search.merge = 0;
  spec.search.lineage_floor = false;
  spec.search.exploration = {c, c};
  return spec;
}

// Distinct nodes among 32 choices on 50 untried nodes without an answer.
std::size_t Spread(double c, bool count_in_flight) {
  Garden garden(OnlyRanks(c));
  const NodeId root = garden.Root(0);
  for (int i = 1; i <= 50; ++i) garden.Grow(root, i);
  UcbOptions options = UcbOptionsOf(garden.spec.search);
  options.widening = 0;
  garden.policy = MakeUcb(garden.spec, options);
  for (std::uint32_t id = 0; id < garden.tree.size(); ++id) {
    garden.policy->Changed(garden.tree, NodeId(id));
  }
  std::set<NodeId> chosen;
  Rng rng(1);
  for (int i = 0; i < 32; ++i) {
    const auto next = garden.policy->Select(garden.View(), rng);
    REQUIRE(next->op == Operator::kImprove);
    chosen.insert(next->parents.front());
    if (count_in_flight) garden.Select(next->op, next->parents);
  }
  return chosen.size();
}

TEST_CASE("work in flight spreads the next choices, exactly (SC-07)") {
  CHECK(Spread(1, true) == 3);
  CHECK(Spread(5, true) == 28);
  CHECK(Spread(1, false) == 1);
  CHECK(Spread(5, false) == 1);
}

TEST_CASE("ties go to fewer attempts, then to the newer node") {
  Garden garden(OnlyRanks(1));
  const NodeId root = garden.Root(.5);
  const NodeId old = garden.Grow(root, .5);
  const NodeId young = garden.Grow(root, .5);
  for (int i = 0; i < 3; ++i) garden.Pending(root);
  CHECK(garden.Ask()->parents == std::vector{young});
  garden.Pending(young);
  CHECK(garden.Ask()->parents == std::vector{old});
}

TEST_CASE("repairs of failed children are charged to the node above them") {
  Garden garden(OnlyRanks(3));
  garden.spec.search.debug_prob = 0;
  const NodeId root = garden.Root(.1);
  const NodeId a = garden.Grow(root, .5);
  const NodeId b = garden.Grow(root, .5);
  for (int i = 0; i < 4; ++i) garden.Pending(root);
  garden.Break(garden.Break(garden.Break(a)));  // one child, two repairs
  garden.Break(b);
  garden.Pending(b);
  CHECK(garden.Ask()->parents == std::vector{b});  // 2 attempts against 3
}

// A chain of nodes whose best follows `bests`, told attempt by attempt.
struct Climb {
  explicit Climb(double start, double eps = .01)
      : garden(Garden::Maximize("ucb")), clock(0, 1, eps) {
    garden.Root(start);
  }
  void Add(double value) {
    const NodeId node = garden.Grow(NodeId(0), value);
    clock.Changed(garden.tree, node);
    clock.CatchUp(garden.tree);
  }
  double Stagnation() const {
    const double last = clock.last_progress();
    return std::min(1., (clock.finished() - last) / std::max(15., .3 * last));
  }
  Garden garden;
  UcbClock clock;
};

TEST_CASE("creeping towards a ceiling is stagnation (SC-12)") {
  Climb climb(.2);
  int after = 0;
  double best = 0;
  for (int k = 0; after < 20; ++k) {
    best = .7 - .1 * std::pow(2, -k);
    climb.Add(best);
    if (best >= .695) ++after;
  }
  CHECK(climb.clock.last_progress() <= 50);
  CHECK(climb.Stagnation() == 1);
}

TEST_CASE("only a step of one hundredth of the climb resets the clock") {
  Climb climb(0);
  climb.Add(1);
  CHECK(climb.clock.last_progress() == 1);
  climb.Add(1.009);
  CHECK(climb.clock.last_progress() == 1);
  climb.Add(1);
  climb.Add(1.02);
  CHECK(climb.clock.last_progress() == 4);
  climb.Add(1.02);
  CHECK(climb.clock.last_progress() == 4);
}

TEST_CASE("a value measured again changes the past as if it had been so") {
  Rng rng(5);
  for (int round = 0; round < 50; ++round) {
    Garden garden(Garden::Maximize("ucb"));
    garden.Root(.2);
    UcbClock live(0, 1, .01);
    for (int i = 0; i < 60; ++i) {
      NodeId parent(static_cast<std::uint32_t>(rng.Below(garden.tree.size())));
      const NodeId node = garden.Grow(parent, rng.Uniform());
      live.Changed(garden.tree, node);
      live.CatchUp(garden.tree);
      if (rng.Chance(.3)) {
        NodeId again(static_cast<std::uint32_t>(rng.Below(garden.tree.size())));
        garden.Remeasure(again, rng.Uniform());
        live.Changed(garden.tree, again);
        live.CatchUp(garden.tree);
      }
      UcbClock fresh(0, 1, .01);
      fresh.CatchUp(garden.tree);
      REQUIRE(live.last_progress() == fresh.last_progress());
      REQUIRE(live.finished() == fresh.finished());
      for (std::uint32_t id = 1; id < garden.tree.size(); ++id) {
        if (garden.tree[NodeId(id)].depth > 1) continue;
        REQUIRE(live.Gain(NodeId(id), 8) == fresh.Gain(NodeId(id), 8));
      }
    }
  }
}

TEST_CASE("the floor gives young lineages their turn, the least tried first") {
  spec::Spec spec = Garden::Maximize("ucb");
  spec.search.num_drafts = 0;
  spec.search.merge = 0;
  spec.search.restart_after = 1000;
  Garden garden(spec);
  const NodeId root = garden.Root(.1);
  const NodeId strong = garden.Grow(root, .9);
  for (int i = 0; i < 25; ++i) garden.Grow(strong, .9);
  const NodeId weak = garden.Grow(root, .2);
  const NodeId weaker = garden.Grow(root, .15);
  garden.Pending(weak);
  for (int i = 0; i < 6; ++i) garden.Pending(root);
  int floor = 0;
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    const NodeId chosen = garden.Ask(seed)->parents.front();
    CHECK(chosen != weak);
    floor += chosen == weaker ? 1 : 0;
  }
  // .10 + .15x with full stagnation.
  CHECK(floor == doctest::Approx(500).epsilon(.15));
}

TEST_CASE("new roots widen with the square root of the attempts (SC-08)") {
  Garden garden(Garden::Maximize("ucb"));
  garden.spec.search.merge = 0;
  garden.spec.search.restart_after = 100000;
  garden.Root(.1);
  garden.Follow();
  Rng rng(1);
  for (int t = 1; t <= 400; ++t) {
    const auto next = garden.policy->Select(garden.View(), rng);
    const NodeId parent = next->parents.front();
    const double value = *garden.tree[parent].value;
    garden.GrowAs(next->op, next->parents, value + .1 * (rng.Uniform() - .5));
    const int roots = garden.tree.RootAttempts(0);
    CHECK(roots >= std::min(t, 5));
    if (t >= 204) {
      CHECK(roots >= .35 * std::sqrt(t + 1.));
      CHECK(roots <= 1.05 * std::sqrt(t + 1.) + 1);
    }
  }
}

TEST_CASE("a changed mind about an outcome rebuilds the index") {
  Garden garden(OnlyRanks(1));
  garden.spec.search.debug_prob = 0;
  const NodeId root = garden.Root(.1);
  const NodeId a = garden.Grow(root, .5);
  const NodeId b = garden.Break(root);
  garden.Grow(root, .2);
  for (int i = 0; i < 6; ++i) garden.Pending(root);
  garden.GrowAs(Operator::kDebug, {b}, .3);
  garden.Follow();
  Rng rng(1);
  auto chosen = [&] {
    return garden.policy->Select(garden.View(), rng)->parents.front();
  };
  CHECK(chosen() == a);
  garden.tree.Reopen(garden.tree[b].attempt);
  garden.policy->Changed(garden.tree, b);
  garden.tree.Finish(garden.tree[b].attempt, Outcome::kValid);
  garden.tree.SetValue(b, .9);
  garden.policy->Changed(garden.tree, root);
  garden.policy->Changed(garden.tree, b);
  CHECK(chosen() == garden.Ask()->parents.front());
  CHECK(chosen() == b);
}

}  // namespace
}  // namespace coppice::search
