#include "search/policy.h"

#include <doctest/doctest.h>

#include <limits>

#include "search/garden.h"
#include "search/linear.h"

namespace coppice::search {
namespace {

const char* const kAll[] = {"ucb",  "beam",   "greedy", "rank",     "uct",
                            "puct", "abmcts", "linear", "best_of_n"};

// A policy that is past its prelude: drafts done, nothing due.
spec::Spec Past(const char* policy) {
  spec::Spec spec = Garden::Maximize(policy);
  spec.search.num_drafts = 0;
  spec.search.merge = 0;
  return spec;
}

TEST_CASE("a policy that does not exist is refused by name") {
  spec::Spec spec;
  spec.search.policy = "random";
  const auto made = MakePolicy(spec);
  REQUIRE(made.has_error());
  CHECK(made.error().code == ErrorCode::kUsage);
  CHECK(made.error().Text().find("\"random\"") != std::string::npos);
  for (const char* name : kAll) {
    CHECK(made.error().Text().find(name) != std::string::npos);
    spec.search.policy = name;
    CHECK(MakePolicy(spec).has_value());
  }
}

TEST_CASE("greedy improves the best value, fewer attempts first, then newer") {
  Garden garden(Past("greedy"));
  const NodeId root = garden.Root(.2);
  garden.Grow(root, .5);
  const NodeId tried = garden.Grow(root, .6);
  const NodeId old = garden.Grow(root, .6);
  const NodeId young = garden.Grow(root, .6);
  garden.Pending(tried);
  CHECK(garden.Ask()->parents == std::vector{young});
  CHECK(garden.Ask()->op == Operator::kImprove);
  garden.Pending(young);
  CHECK(garden.Ask()->parents == std::vector{old});
}

TEST_CASE("a lower value is better when the metric is minimized") {
  for (const char* policy : {"ucb", "beam", "greedy"}) {
    CAPTURE(policy);
    spec::Spec spec = Past(policy);
    spec.metric.direction = spec::Direction::kMinimize;
    spec.search.lineage_floor = false;
    Garden garden(spec);
    const NodeId root = garden.Root(10);
    const NodeId fast = garden.Grow(root, 3);
    for (double value : {8., 9., 7.}) garden.Grow(root, value);
    garden.Break(root);
    garden.Pending(root);
    garden.spec.search.debug_prob = 0;
    CHECK(garden.Ask()->parents == std::vector{fast});
  }
}

TEST_CASE("nodes that failed, wait, are pruned or too deep are not improved") {
  for (const char* policy : {"ucb", "beam", "greedy"}) {
    CAPTURE(policy);
    spec::Spec spec = Past(policy);
    spec.search.debug_prob = 0;
    spec.search.max_depth = 2;
    spec.search.lineage_floor = false;
    Garden garden(spec);
    const NodeId root = garden.Root(.2);
    const NodeId only = garden.Grow(root, .3);
    for (int i = 0; i < 5; ++i) garden.Grow(root, .1);
    const NodeId middle = garden.Grow(root, .5);
    garden.Grow(middle, .9);  // at max_depth
    const NodeId cut = garden.Grow(root, .8);
    garden.Pending(root);
    garden.Break(root);
    const NodeId strange = garden.Grow(root, .7);
    garden.tree.SetValue(strange, std::numeric_limits<double>::quiet_NaN());
    garden.tree.Prune(cut);
    garden.tree.Prune(middle);
    CHECK(garden.Ask()->parents == std::vector{only});
  }
}

TEST_CASE("an exhausted node is passed over while another is left") {
  for (const char* policy : {"beam", "greedy"}) {
    CAPTURE(policy);
    spec::Spec spec = Past(policy);
    spec.search.debug_prob = 0;
    spec.search.branching_factor = 9;
    spec.search.beam_width = 1;
    Garden garden(spec);
    const NodeId root = garden.Root(.2);
    const NodeId top = garden.Grow(root, .6);
    garden.tau = .05;
    garden.Grow(top, .64);
    garden.Break(top);
    CHECK(garden.Ask()->parents != std::vector{root});
    const NodeId last = garden.Grow(top, .5);
    CHECK(garden.Ask()->parents == std::vector{NodeId(2)});  // value .64
    // τ follows the noise; so does what counts as a gain.
    garden.tau = .01;
    CHECK(garden.Ask()->parents == std::vector{NodeId(2)});
    garden.Remeasure(NodeId(2), .1);
    garden.tau = 0;
    CHECK(garden.Ask()->parents == std::vector{last});
    for (NodeId node : {root, last, NodeId(2)}) {
      for (int i = 0; i < 3; ++i) garden.Break(node);
    }
    // All are exhausted now: the best of them is left.
    CHECK(garden.Ask()->parents == std::vector{top});
  }
}

TEST_CASE("a failed child that was repaired counts with the repair") {
  Garden garden(Past("greedy"));
  garden.spec.search.debug_prob = 0;
  const NodeId root = garden.Root(.2);
  const NodeId top = garden.Grow(root, .6);
  garden.Break(top);
  garden.Break(top);
  const NodeId broken = garden.Break(top);
  CHECK(garden.Ask()->parents == std::vector{root});
  garden.GrowAs(Operator::kDebug, {broken}, .65);
  garden.Remeasure(top, .62);
  garden.tau = .02;
  garden.Follow();
  Rng rng(1);
  auto selected = [&] {
    return garden.policy->Select(garden.View(), rng)->parents.front();
  };
  CHECK(selected() == NodeId(5));
  garden.Remeasure(NodeId(5), .61);
  CHECK(selected() == NodeId(5));  // top gained less than τ again
  garden.tau = -.02;
  CHECK(selected() == top);
}

TEST_CASE("beam expands the least tried of its frontier, then the best") {
  spec::Spec spec = Past("beam");
  spec.search.beam_width = 3;
  spec.search.branching_factor = 2;
  Garden garden(spec);
  const NodeId root = garden.Root(.1);
  const NodeId a = garden.Grow(root, .9);
  const NodeId b = garden.Grow(root, .8);
  const NodeId c = garden.Grow(root, .7);
  const NodeId d = garden.Grow(root, .6);
  for (NodeId expected : {a, b, c, a, d, b, c, d}) {
    const auto next = garden.Ask();
    CHECK(next->op == Operator::kImprove);
    CHECK(next->parents == std::vector{expected});
    garden.Pending(expected);
  }
  // a, b, c, d have had their attempts, the root its drafts.
  CHECK(garden.Ask()->op == Operator::kDraft);
}

TEST_CASE("linear improves the best of its chain, one attempt at a time") {
  Garden garden(Past("linear"));
  const NodeId root = garden.Root(.2);
  CHECK(garden.Ask()->op == Operator::kImprove);
  CHECK(garden.Ask()->parents == std::vector{root});
  garden.best = garden.Grow(root, .5);
  garden.Grow(garden.best, .4);
  for (int i = 0; i < 5; ++i) garden.Break(garden.best);
  CHECK(garden.Ask()->parents == std::vector{garden.best});
  garden.Pending(garden.best);
  CHECK_FALSE(garden.Ask().has_value());
  Rng rng(1);
  CHECK(MakeLinear(garden.spec, 2)->Select(garden.View(), rng)->parents ==
        std::vector{garden.best});
  garden.in_flight = 0;
  garden.tree.Prune(garden.best);
  CHECK(garden.Ask()->parents == std::vector{root});
}

TEST_CASE("best_of_n drafts from the root and withholds the history") {
  Garden garden(Past("best_of_n"));
  const NodeId root = garden.Root(.2);
  for (int i = 0; i < 4; ++i) {
    const auto draft = garden.Ask();
    CHECK(draft->op == Operator::kDraft);
    CHECK(draft->parents == std::vector{root});
    CHECK(draft->history_withheld);
    garden.best = garden.Grow(root, .5 + i * .1);
  }
}

TEST_CASE("a baseline without a value is no start to improve, but to draft") {
  for (const char* policy : kAll) {
    CAPTURE(policy);
    Garden garden(Past(policy));
    garden.Root(std::nullopt);
    CHECK(garden.Ask()->op == Operator::kDraft);
    garden.best = garden.Grow(NodeId(0), .4);
    garden.Grow(NodeId(0), .1);
    garden.Break(garden.best);
    CHECK(garden.Ask().has_value());
  }
}

TEST_CASE("when everything failed the root is where to begin again") {
  for (const char* policy : kAll) {
    CAPTURE(policy);
    Garden garden(Garden::Maximize(policy));
    const NodeId root = garden.Root(.2);
    garden.spec.search.debug_prob = 0;
    for (int i = 0; i < 12; ++i) garden.Break(root);
    CHECK(garden.Ask()->parents == std::vector{root});
  }
}

TEST_CASE("chains do not see each other's nodes") {
  for (const char* policy : {"ucb", "beam", "greedy"}) {
    CAPTURE(policy);
    spec::Spec spec = Past(policy);
    spec.search.chains = 2;
    spec.search.lineage_floor = false;
    Garden garden(spec);
    const NodeId root = garden.Root(.2);
    const NodeId own = garden.Grow(root, .3);
    for (int i = 0; i < 3; ++i) garden.Grow(root, .1);
    const AttemptId other = garden.Select(Operator::kDraft, {root}, 1);
    garden.Commit(other);
    garden.Finish(other, Outcome::kValid, .9);
    garden.finished = 4;
    CHECK(garden.Ask()->parents == std::vector{own});
  }
}

}  // namespace
}  // namespace coppice::search
