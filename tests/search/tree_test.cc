#include "search/tree.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "search/garden.h"

namespace coppice::search {
namespace {

std::set<NodeId> BruteAncestors(const SolutionTree& tree, NodeId id) {
  std::set<NodeId> all;
  for (NodeId parent : tree.Parents(id)) {
    all.insert(parent);
    all.merge(BruteAncestors(tree, parent));
  }
  return all;
}

// A random tree with a share of merges.
Garden Planted(std::uint64_t seed, int size, double merges) {
  Garden garden;
  garden.Root(1);
  Rng rng(seed);
  while (static_cast<int>(garden.tree.size()) < size) {
    NodeId a(static_cast<std::uint32_t>(rng.Below(garden.tree.size())));
    NodeId b(static_cast<std::uint32_t>(rng.Below(garden.tree.size())));
    if (a != b && rng.Chance(merges)) {
      garden.GrowAs(Operator::kMerge, {a, b}, 1);
    } else {
      garden.Grow(a, 1);
    }
  }
  return garden;
}

TEST_CASE("parents and children keep their order") {
  Garden garden;
  const NodeId root = garden.Root(1);
  const NodeId a = garden.Grow(root, 1);
  const NodeId b = garden.Grow(root, 2);
  const NodeId merge = garden.GrowAs(Operator::kMerge, {b, a}, 3);
  const NodeId c = garden.Grow(b, 2);
  CHECK(garden.tree.Parents(merge) == ParentIds({b, a}));
  CHECK(garden.tree.FirstParent(merge) == b);
  CHECK_FALSE(garden.tree.FirstParent(root).has_value());
  CHECK(garden.tree.Children(b) == std::vector{merge, c});
  CHECK(garden.tree.PathToRoot(merge) == std::vector{merge, b, root});
}

TEST_CASE("depth, lineage and debug depth follow the first parent") {
  Garden garden;
  const NodeId root = garden.Root(1);
  const NodeId draft = garden.Break(root);
  const NodeId repair = garden.Break(draft);
  const NodeId again = garden.GrowAs(Operator::kDebug, {repair}, 2);
  const NodeId child = garden.Grow(again, 3);
  CHECK(garden.tree[root].depth == 0);
  CHECK(garden.tree[child].depth == 4);
  CHECK(garden.tree[root].lineage == root);
  CHECK(garden.tree[draft].lineage == draft);
  CHECK(garden.tree[child].lineage == draft);
  CHECK(garden.tree[draft].debug_depth == 0);
  CHECK(garden.tree[again].debug_depth == 2);
  CHECK(garden.tree[child].debug_depth == 0);
}

TEST_CASE("ancestors are exactly those of the definition, nearest first") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Garden garden = Planted(seed, 60, .3);
    const SolutionTree& tree = garden.tree;
    for (std::uint32_t i = 0; i < tree.size(); ++i) {
      const std::set<NodeId> expected = BruteAncestors(tree, NodeId(i));
      const std::vector<NodeId> found = tree.Ancestors(NodeId(i));
      CHECK(std::set(found.begin(), found.end()) == expected);
      CHECK(found.size() == expected.size());
      if (!found.empty()) CHECK(found.front() == tree.FirstParent(NodeId(i)));
      for (std::uint32_t j = 0; j < tree.size(); ++j) {
        REQUIRE(tree.IsAncestor(NodeId(j), NodeId(i)) ==
                expected.contains(NodeId(j)));
      }
    }
  }
}

TEST_CASE("a merge base is a common ancestor that no other one descends from") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Garden garden = Planted(seed, 40, .3);
    const SolutionTree& tree = garden.tree;
    for (std::uint32_t i = 0; i < tree.size(); ++i) {
      for (std::uint32_t j = 0; j < tree.size(); ++j) {
        std::set<NodeId> a = BruteAncestors(tree, NodeId(i));
        std::set<NodeId> b = BruteAncestors(tree, NodeId(j));
        a.emplace(i);
        b.emplace(j);
        const NodeId base = tree.MergeBase(NodeId(i), NodeId(j));
        REQUIRE(a.contains(base));
        REQUIRE(b.contains(base));
        for (NodeId other : a) {
          if (b.contains(other)) REQUIRE_FALSE(tree.IsAncestor(base, other));
        }
      }
    }
  }
}

TEST_CASE("without merges the merge base is the deepest common ancestor") {
  Garden garden = Planted(7, 200, 0);
  const SolutionTree& tree = garden.tree;
  Rng rng(1);
  for (int i = 0; i < 500; ++i) {
    NodeId a(static_cast<std::uint32_t>(rng.Below(tree.size())));
    NodeId b(static_cast<std::uint32_t>(rng.Below(tree.size())));
    const std::vector<NodeId> of_a = tree.PathToRoot(a);
    const std::vector<NodeId> of_b = tree.PathToRoot(b);
    auto common = std::ranges::find_if(
        of_a, [&](NodeId node) { return std::ranges::count(of_b, node) > 0; });
    REQUIRE(tree.MergeBase(a, b) == *common);
  }
}

TEST_CASE("attempts in flight count on every parent until they finish") {
  Garden garden;
  const NodeId root = garden.Root(1);
  const NodeId a = garden.Grow(root, 1);
  const NodeId b = garden.Grow(root, 2);
  const AttemptId merge = garden.Select(Operator::kMerge, {a, b});
  for (NodeId parent : {a, b}) {
    CHECK(garden.tree[parent].attempts == 1);
    CHECK(garden.tree[parent].in_flight == 1);
  }
  garden.Finish(merge, Outcome::kEditFailed);
  for (NodeId parent : {a, b}) {
    CHECK(garden.tree[parent].attempts == 1);
    CHECK(garden.tree[parent].in_flight == 0);
  }
  CHECK(garden.tree.MergeTried(b, a));
  CHECK_FALSE(garden.tree.MergeTried(root, a));
}

TEST_CASE("a change told twice counts once") {
  Garden garden;
  const NodeId root = garden.Root(1);
  const AttemptId attempt = garden.Select(Operator::kDraft, {root});
  garden.tree.Select(attempt, {.op = Operator::kDraft, .parents = {root}});
  CHECK(garden.tree[root].attempts == 1);
  CHECK(garden.tree[root].in_flight == 1);
  CHECK(garden.tree.RootAttempts(0) == 1);

  const NodeId node = garden.Commit(attempt);
  CHECK(garden.tree.Commit(attempt, Node(), ParentIds({root})) == node);
  CHECK(garden.tree.size() == 2);
  CHECK(garden.tree.Children(root).size() == 1);

  for (Outcome outcome : {Outcome::kTimeout, Outcome::kValid}) {
    garden.tree.Finish(attempt, outcome);
    CHECK(garden.tree[root].in_flight == 0);
    CHECK(garden.tree[node].outcome == outcome);
    CHECK(garden.tree.FindAttempt(attempt)->outcome == outcome);
  }
  CHECK(garden.tree.Finished(0) == std::vector{attempt});
  CHECK(garden.tree.attempts() == 1);
}

TEST_CASE("a reopened attempt is in flight again") {
  Garden garden;
  const NodeId root = garden.Root(1);
  const NodeId a = garden.Break(root);
  const NodeId b = garden.Grow(root, 2);
  const AttemptId attempt = garden.tree[a].attempt;
  for (int twice = 0; twice < 2; ++twice) {
    garden.tree.Reopen(attempt);
    CHECK(garden.tree[root].in_flight == 1);
    CHECK(garden.tree[root].attempts == 2);
    CHECK_FALSE(garden.tree[a].outcome.has_value());
    CHECK(garden.tree.Finished(0) == std::vector{garden.tree[b].attempt});
  }
  garden.tree.Finish(attempt, Outcome::kValid);
  CHECK(garden.tree[root].in_flight == 0);
  CHECK(garden.tree.Finished(0).back() == attempt);
}

TEST_CASE("attempts on the root and completions are kept by chain") {
  Garden garden;
  const NodeId root = garden.Root(1);
  const AttemptId first = garden.Select(Operator::kDraft, {root}, 0);
  const AttemptId second = garden.Select(Operator::kDraft, {root}, 1);
  garden.Select(Operator::kDraft, {root}, 1);
  CHECK(garden.tree[root].attempts == 3);
  CHECK(garden.tree.RootAttempts(0) == 1);
  CHECK(garden.tree.RootAttempts(1) == 2);
  CHECK(garden.tree.RootAttempts(2) == 0);
  garden.Finish(second, Outcome::kDuplicate);
  garden.Finish(first, Outcome::kDuplicate);
  CHECK(garden.tree.Finished(0) == std::vector{first});
  CHECK(garden.tree.Finished(1) == std::vector{second});
}

TEST_CASE("pruning takes what is below, and what arrives there later") {
  Garden garden;
  const NodeId root = garden.Root(1);
  const NodeId a = garden.Grow(root, 1);
  const NodeId below = garden.Grow(a, 2);
  const AttemptId late = garden.Select(Operator::kImprove, {below});
  garden.tree.Prune(a);
  CHECK(garden.tree[a].pruned);
  CHECK(garden.tree[below].pruned);
  CHECK_FALSE(garden.tree[root].pruned);
  CHECK(garden.tree[garden.Commit(late)].pruned);
}

}  // namespace
}  // namespace coppice::search
