#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <tuple>
#include <vector>

#include "search/garden.h"
#include "search/policy_index.h"
#include "search/puct.h"
#include "search/uct.h"
#include "search/visits.h"

// rank, uct, puct and abmcts past their prelude: small trees whose answer can
// be told by hand, and trees grown at random against the formulas themselves.

namespace coppice::search {
namespace {

spec::Spec Past(const char* policy) {
  spec::Spec spec = Garden::Maximize(policy);
  spec.search.num_drafts = 0;
  spec.search.merge = 0;
  spec.search.debug_prob = 0;
  spec.search.restart_after = 1000000;
  return spec;
}

TEST_CASE("numbers of visits are told in classes that hold them") {
  for (int visits = 1; visits < 5000; ++visits) {
    const int its = VisitsClass(visits);
    CHECK(LeastVisits(its) <= visits);
    CHECK(LeastVisits(its + 1) > visits);
    if (visits < kExactVisits) CHECK(LeastVisits(its) == visits);
    CHECK(LeastVisits(its + 1) <= 1.25 * LeastVisits(its) + 1);
  }
}

TEST_CASE("uct drafts while the root has fewer than √n attempts") {
  Garden garden(Past("uct"));
  const NodeId root = garden.Root(.1);
  CHECK(garden.Ask()->op == Operator::kDraft);
  garden.Grow(root, .5);
  const NodeId b = garden.Grow(root, .6);
  // 2 attempts, n = 3: on to the better one.
  CHECK(garden.Ask()->parents == std::vector{b});
  SUBCASE("those in flight count") {
    garden.Pending(b);
    garden.Pending(b);
  }
  SUBCASE("failed ones count") {
    garden.Break(b);
    garden.Break(b);
  }
  SUBCASE("repairs count") { garden.Break(garden.Break(b)); }
  // 2 attempts, n = 5.
  CHECK(garden.Ask()->op == Operator::kDraft);
}

TEST_CASE("uct backs up the greatest of a subtree") {
  Garden garden(Past("uct"));
  const NodeId root = garden.Root(.1);
  const NodeId a = garden.Grow(root, .3);
  garden.Grow(root, .5);
  const NodeId deep = garden.Grow(a, .9);
  CHECK(garden.Ask()->parents == std::vector{a});
  garden.tree.Prune(deep);
  CHECK(garden.Ask()->parents != std::vector{a});
}

TEST_CASE("uct of a fixed width leaves a node that has had its children") {
  Garden garden(Past("uct"));
  garden.tau = -std::numeric_limits<double>::infinity();
  const NodeId root = garden.Root(.1);
  const NodeId good = garden.Grow(root, .9);
  const NodeId poor = garden.Grow(root, .2);
  for (int i = 0; i < 3; ++i) garden.Break(root);
  for (int i = 0; i < 4; ++i) garden.Break(good);
  auto choose = [&] {
    auto policy = MakeUct(garden.spec, UctOptions::Aira());
    for (std::uint32_t id = 0; id < garden.tree.size(); ++id) {
      policy->Changed(garden.tree, NodeId(id));
    }
    Rng rng(1);
    return policy->Select(garden.View(), rng)->parents.front();
  };
  CHECK(choose() == good);
  garden.Pending(good);
  CHECK(choose() == poor);
}

TEST_CASE("exhausted nodes are passed over while another is left") {
  for (const char* policy : {"rank", "uct", "puct", "abmcts"}) {
    CAPTURE(policy);
    Garden garden(Past(policy));
    const NodeId root = garden.Root(.1);
    const NodeId top = garden.Grow(root, .9);
    for (int i = 0; i < 3; ++i) garden.Break(top);
    for (int i = 0; i < 3; ++i) garden.Break(root);
    const NodeId other = garden.Grow(root, .05);
    const auto improved = [&](std::uint64_t seed) {
      return garden.Ask(seed)->parents.front();
    };
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
      CHECK(improved(seed) != top);
      if (std::string(policy) != "rank") CHECK(improved(seed) == other);
    }
    for (int i = 0; i < 3; ++i) garden.Break(other);
    bool back = false;
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
      back |= improved(seed) == top;
    }
    CHECK(back);
  }
}

TEST_CASE("work in flight moves every policy on") {
  for (const char* policy : {"ucb", "beam", "uct", "puct", "abmcts"}) {
    CAPTURE(policy);
    Garden garden(Past(policy));
    garden.spec.search.lineage_floor = false;
    const NodeId root = garden.Root(.1);
    const NodeId top = garden.Grow(root, .9);
    for (int i = 0; i < 6; ++i) garden.Grow(root, .1 + .01 * i);
    auto share = [&] {
      int chosen = 0;
      for (std::uint64_t seed = 0; seed < 200; ++seed) {
        chosen += garden.Ask(seed)->parents.front() == top ? 1 : 0;
      }
      return chosen;
    };
    const int before = share();
    for (int i = 0; i < 60; ++i) garden.Pending(top);
    CHECK(share() < before);
  }
}

TEST_CASE("minimizing is maximizing the negative") {
  for (const char* policy : {"rank", "uct", "puct", "abmcts"}) {
    CAPTURE(policy);
    auto grown = [&](int sign) {
      spec::Spec spec = Past(policy);
      spec.metric.direction =
          sign > 0 ? spec::Direction::kMaximize : spec::Direction::kMinimize;
      Garden garden(spec);
      Rng rng(9);
      garden.Root(sign * .1);
      for (int i = 0; i < 30; ++i) {
        NodeId parent(
            static_cast<std::uint32_t>(rng.Below(garden.tree.size())));
        garden.Grow(parent, sign * rng.Uniform());
      }
      std::vector<NodeId> chosen;
      for (std::uint64_t seed = 0; seed < 50; ++seed) {
        chosen.push_back(garden.Ask(seed)->parents.front());
      }
      return chosen;
    };
    CHECK(grown(1) == grown(-1));
  }
}

TEST_CASE("rank draws the i-th best in proportion to 1/i²") {
  Garden garden(Past("rank"));
  const NodeId root = garden.Root(5);
  std::vector<NodeId> nodes;
  for (int i = 0; i < 6; ++i) nodes.push_back(garden.Grow(root, 6. - i));
  garden.Follow();
  Rng rng(1);
  std::map<NodeId, double> drawn;
  constexpr int kDraws = 40000;
  for (int i = 0; i < kDraws; ++i) {
    ++drawn[garden.policy->Select(garden.View(), rng)->parents.front()];
  }
  CHECK(drawn[root] / kDraws == doctest::Approx(.1).epsilon(.05));
  double all = 0;
  for (int i = 1; i <= 6; ++i) all += 1. / (i * i);
  for (int i = 1; i <= 6; ++i) {
    const double expected = .9 / (i * i) / all;
    const double share = drawn[nodes[static_cast<std::size_t>(i - 1)]] / kDraws;
    CHECK(share == doctest::Approx(expected).epsilon(.1));
  }
}

// ---- The formulas themselves -----------------------------------------------

// What the policies keep in indexes, counted anew.
struct Counted {
  explicit Counted(const Garden& garden_in) : garden(garden_in) {
    const SolutionTree& tree = garden.tree;
    attempts.resize(tree.size());
    children.resize(tree.size());
    for (std::uint32_t id = 0; id < tree.size(); ++id) {
      const Node& node = tree[NodeId(id)];
      const NodeId at =
          id > 0 && Failed(node) ? Anchor(tree, NodeId(id)) : NodeId(id);
      attempts[at.value()] += node.attempts;
      if (!MayGrow(node)) continue;
      scores.push_back(*node.value);
      if (id > 0) children[Anchor(tree, NodeId(id)).value()].push_back(id);
    }
  }

  double Score(std::uint32_t id) const {
    return *garden.tree[NodeId(id)].value;
  }
  double Midrank(double score) const {
    double below = 0;
    double same = 0;
    for (double other : scores) {
      below += other < score ? 1 : 0;
      same += other == score ? 1 : 0;
    }
    return below + (same - 1) / 2;
  }
  double Size() const { return static_cast<double>(scores.size()); }
  int Visits(std::uint32_t id) const {
    int visits = 1;
    Visit(id, [&](std::uint32_t at) { visits += attempts[at]; });
    return visits;
  }
  double Best(std::uint32_t id) const {
    double best = -std::numeric_limits<double>::infinity();
    Visit(id, [&](std::uint32_t at) { best = std::max(best, Score(at)); });
    return best;
  }
  template <class F>
  void Visit(std::uint32_t id, F visit) const {
    visit(id);
    for (std::uint32_t child : children[id]) Visit(child, visit);
  }

  const Garden& garden;
  std::vector<int> attempts;
  std::vector<std::vector<std::uint32_t>> children;
  std::vector<double> scores;
};

std::uint32_t UctByHand(const Counted& counted) {
  std::uint32_t at = 0;
  while (counted.attempts[at] >= std::sqrt(counted.Visits(at)) &&
         !counted.children[at].empty()) {
    const double log = std::log(counted.Visits(at));
    std::tuple<double, int, std::uint32_t> most{-1, 0, 0};
    for (std::uint32_t child : counted.children[at]) {
      const int visits = LeastVisits(VisitsClass(counted.Visits(child)));
      const double value =
          1 - (counted.Size() - .5 - counted.Midrank(counted.Best(child))) /
                  counted.Size();
      most = std::max(most,
                      {value + .1 * std::sqrt(log / visits), -visits, child});
    }
    at = std::get<2>(most);
  }
  return at;
}

std::uint32_t PuctByHand(const Counted& counted, int total) {
  const double m = counted.Size();
  std::pair<double, std::uint32_t> most{-1, 0};
  for (std::uint32_t id = 0; id < counted.garden.tree.size(); ++id) {
    if (!MayGrow(counted.garden.tree[NodeId(id)])) continue;
    double best = counted.Score(id);
    if (!counted.children[id].empty()) {
      best = -1;
      for (std::uint32_t child : counted.children[id]) {
        best = std::max(best, counted.Score(child));
      }
    }
    const double prior =
        (counted.Midrank(counted.Score(id)) + 1) / (m * (m + 1) / 2);
    const int visits = LeastVisits(VisitsClass(counted.Visits(id)));
    const double worth = (counted.Midrank(best) + .5) / m +
                         prior * std::sqrt(1. + total) / visits;
    if (worth > most.first + 1e-12) most = {worth, id};
  }
  return most.second;
}

// Grows a garden by the policy's own choices, some of them by chance.
void Compare(const char* policy,
             const std::function<std::uint32_t(const Garden&)>& by_hand) {
  Rng rng(7);
  for (int round = 0; round < 12; ++round) {
    Garden garden(Past(policy));
    garden.tau = -std::numeric_limits<double>::infinity();
    garden.Root(rng.Uniform());
    garden.Follow();
    std::vector<AttemptId> open;
    for (int step = 0; step < 150; ++step) {
      const auto next = garden.policy->Select(garden.View(), rng);
      REQUIRE(next->parents.front().value() == by_hand(garden));
      NodeId parent = next->parents.front();
      if (rng.Chance(.2)) {
        parent =
            NodeId(static_cast<std::uint32_t>(rng.Below(garden.tree.size())));
      }
      const Node& node = garden.tree[parent];
      if (!node.outcome) continue;
      if (Failed(node)) {
        if (rng.Chance(.5)) {
          garden.Break(parent);
        } else {
          garden.GrowAs(Operator::kDebug, {parent}, rng.Uniform());
        }
      } else if (rng.Chance(.2)) {
        garden.Break(parent);
      } else if (rng.Chance(.1)) {
        garden.Reject(parent);
      } else {
        open.push_back(garden.Select(Operator::kImprove, {parent}));
        garden.Commit(open.back());
      }
      if (open.size() > 4) {
        garden.Finish(open.front(), Outcome::kValid, rng.Uniform());
        open.erase(open.begin());
      }
    }
  }
}

TEST_CASE("uct chooses by its formula, whatever the tree (AC-53)") {
  Compare("uct",
          [](const Garden& garden) { return UctByHand(Counted(garden)); });
}

TEST_CASE("puct chooses by its formula, whatever the tree (AC-53)") {
  Compare("puct", [](const Garden& garden) {
    return PuctByHand(Counted(garden), garden.finished + garden.in_flight);
  });
}

// ---- abmcts ----------------------------------------------------------------

// A draw of SEARCH.md §2.9 from observations, with nothing clever about it:
// the χ² is a sum of squares.
double DrawByHand(const std::vector<double>& seen, int awaited, Rng& rng) {
  double m = 0, kappa = 1, nu = 1, tau2 = .1;
  auto observe = [&](double x) {
    tau2 = (nu * tau2 + kappa / (kappa + 1) * (x - m) * (x - m)) / (nu + 1);
    m = (kappa * m + x) / (kappa + 1);
    kappa += 1;
    nu += 1;
  };
  for (double x : seen) observe(x);
  for (int i = 0; i < awaited; ++i) observe(m);
  double chi = 0;
  for (int i = 0; i < static_cast<int>(nu); ++i) {
    const double z = rng.Normal();
    chi += z * z;
  }
  return m + std::sqrt(nu * tau2 / chi / kappa) * rng.Normal();
}

TEST_CASE("abmcts widens and deepens as its posteriors do (AC-53)") {
  Garden garden(Past("abmcts"));
  const NodeId root = garden.Root(.1);     // q 0
  const NodeId a = garden.Grow(root, .5);  // q 2/3
  const NodeId b = garden.Grow(root, .3);  // q 1/3
  const NodeId c = garden.Grow(a, .9);     // q 1
  garden.Break(b);                         // 0
  garden.Pending(a);
  Rng hand(3);
  std::map<NodeId, double> expected;
  std::map<NodeId, double> drawn;
  constexpr int kDraws = 20000;
  for (int i = 0; i < kDraws; ++i) {
    auto draw = [&](std::vector<double> seen, int awaited = 0) {
      return DrawByHand(seen, awaited, hand);
    };
    if (draw({2. / 3, 1. / 3}) >= draw({1, 0}, 1)) {
      ++expected[root];
    } else if (draw({1. / 3, 0}) > draw({2. / 3, 1}, 1)) {
      ++expected[b];
    } else if (draw({1}, 1) >= draw({})) {
      ++expected[a];
    } else {
      ++expected[c];
    }
  }
  garden.Follow();
  Rng rng(1);
  for (int i = 0; i < kDraws; ++i) {
    ++drawn[garden.policy->Select(garden.View(), rng)->parents.front()];
  }
  for (NodeId node : {root, a, b, c}) {
    CAPTURE(node.value());
    CHECK(drawn[node] / kDraws ==
          doctest::Approx(expected[node] / kDraws).epsilon(.05));
  }
}

}  // namespace
}  // namespace coppice::search
