#include "search/prelude.h"

#include <doctest/doctest.h>

#include <map>

#include "search/garden.h"

// The prelude is common to all policies but linear and best_of_n: each case
// runs under all of them, through the policies themselves.

namespace coppice::search {
namespace {

const char* const kPolicies[] = {"ucb", "beam", "greedy", "rank",
                                 "uct", "puct", "abmcts"};

// Five drafts of which the fourth is best; nothing is due.
struct Drafted : Garden {
  explicit Drafted(const char* policy) : Garden(Maximize(policy)) {
    root = Root(.2);
    for (double value : {.3, .5, .4, .6, .1}) {
      drafts.push_back(Grow(root, value, {"file" + std::to_string(value)}));
    }
    best = drafts[3];
    merges_since_best = 1;
  }
  NodeId root;
  std::vector<NodeId> drafts;
};

TEST_CASE("nothing is selected before the baseline is evaluated") {
  for (const char* policy : {"ucb", "beam", "greedy", "rank", "uct", "puct",
                             "abmcts", "linear", "best_of_n"}) {
    CAPTURE(policy);
    Garden garden(Garden::Maximize(policy));
    garden.tree.Commit(AttemptId(0), Node(), {});
    CHECK_FALSE(garden.Ask().has_value());
  }
}

TEST_CASE("the first expansions are drafts, those in flight included") {
  for (const char* policy : kPolicies) {
    CAPTURE(policy);
    Garden garden(Garden::Maximize(policy));
    const NodeId root = garden.Root(.9);
    garden.Break(root);
    garden.Reject(root);
    garden.Grow(root, .5);
    garden.Pending(root);
    const auto fifth = garden.Ask();
    REQUIRE(fifth.has_value());
    CHECK(fifth->op == Operator::kDraft);
    CHECK(fifth->parents == std::vector{root});
    CHECK_FALSE(fifth->history_withheld);
    garden.Pending(root);
    garden.spec.search.debug_prob = 0;
    // Now by the policy's own rule, which may be a draft of its own.
    bool improved = false;
    for (std::uint64_t seed = 0; seed < 30; ++seed) {
      improved |= garden.Ask(seed)->op == Operator::kImprove;
    }
    CHECK(improved);
  }
}

TEST_CASE("failed leaves are debugged with the probability of the spec") {
  for (const char* policy : kPolicies) {
    CAPTURE(policy);
    Drafted garden(policy);
    const NodeId a = garden.Break(garden.drafts[0], Outcome::kBuggy);
    const NodeId b = garden.Break(garden.drafts[1], Outcome::kTimeout);
    std::map<NodeId, int> drawn;
    for (std::uint64_t seed = 0; seed < 1000; ++seed) {
      const auto chosen = garden.Ask(seed);
      REQUIRE(chosen.has_value());
      if (chosen->op == Operator::kDebug) ++drawn[chosen->parents.front()];
    }
    CHECK(drawn.size() == 2);
    CHECK(drawn[a] == doctest::Approx(250).epsilon(.2));
    CHECK(drawn[b] == doctest::Approx(250).epsilon(.2));
  }
}

TEST_CASE("only a debuggable leaf without work on it is debugged") {
  for (const char* policy : kPolicies) {
    CAPTURE(policy);
    auto debugs = [&](auto&& prepare) {
      Drafted garden(policy);
      garden.spec.search.debug_prob = 1;
      prepare(garden);
      return garden.Ask()->op == Operator::kDebug;
    };
    CHECK(debugs([](Drafted& g) { g.Break(g.drafts[0], Outcome::kOom); }));
    CHECK(debugs(
        [](Drafted& g) { g.Break(g.drafts[0], Outcome::kChecksFailed); }));
    CHECK_FALSE(
        debugs([](Drafted& g) { g.Break(g.drafts[0], Outcome::kDegenerate); }));
    CHECK_FALSE(
        debugs([](Drafted& g) { g.Break(g.drafts[0], Outcome::kTampered); }));
    CHECK_FALSE(debugs([](Drafted& g) {
      g.Select(Operator::kDebug, {g.Break(g.drafts[0])});
    }));
    CHECK_FALSE(debugs([](Drafted& g) { g.Pending(g.Break(g.drafts[0])); }));
    CHECK_FALSE(debugs([](Drafted& g) { g.tree.Prune(g.Break(g.drafts[0])); }));
    // A chain of three repairs is the end of it.
    CHECK(debugs([](Drafted& g) { g.Break(g.Break(g.Break(g.drafts[0]))); }));
    CHECK_FALSE(debugs(
        [](Drafted& g) { g.Break(g.Break(g.Break(g.Break(g.drafts[0])))); }));
    // So are three attempts that yielded no commit.
    CHECK_FALSE(debugs([](Drafted& g) {
      const NodeId leaf = g.Break(g.drafts[0]);
      for (int i = 0; i < 3; ++i) g.Reject(leaf);
    }));
  }
}

TEST_CASE("best is merged with the best node of another branch that gained") {
  for (const char* policy : kPolicies) {
    CAPTURE(policy);
    Drafted garden(policy);
    garden.merges_since_best = 0;
    const auto merge = garden.Ask();
    REQUIRE(merge.has_value());
    CHECK(merge->op == Operator::kMerge);
    CHECK(merge->parents == std::vector{garden.best, garden.drafts[1]});

    garden.tau = .25;  // only .5 - .2 exceeds it
    CHECK(garden.Ask()->op == Operator::kMerge);
    garden.tau = .35;
    CHECK_FALSE(garden.Ask()->op == Operator::kMerge);
    garden.tau = 0;
    garden.merges_off = true;
    CHECK_FALSE(garden.Ask()->op == Operator::kMerge);
    garden.merges_off = false;
    garden.merges_since_best = 1;
    CHECK_FALSE(garden.Ask()->op == Operator::kMerge);
    garden.merges_since_best = 0;
    garden.best = garden.root;
    CHECK_FALSE(garden.Ask()->op == Operator::kMerge);
  }
}

TEST_CASE("a merge partner is no relative and changed another file") {
  Garden garden(Garden::Maximize("greedy"));
  const NodeId root = garden.Root(.1);
  const NodeId a = garden.Grow(root, .4, {"a"});
  const NodeId best = garden.Grow(a, .9, {"b"});
  const NodeId below = garden.Grow(best, .95, {"c"});
  garden.best = best;
  for (int i = 0; i < 4; ++i) garden.Grow(root, .05, {"d"});
  auto partner = [&]() -> std::optional<NodeId> {
    const auto chosen = garden.Ask();
    if (chosen->op != Operator::kMerge) return std::nullopt;
    CHECK(chosen->parents.front() == best);
    return chosen->parents.back();
  };
  CHECK(garden.tree[below].value == .95);
  CHECK_FALSE(partner().has_value());  // relatives, and those that lost

  garden.Grow(root, .8, {"a"});  // the best changed it, a step earlier
  CHECK_FALSE(partner().has_value());
  const NodeId both = garden.Grow(root, .7, {"a", "e"});
  CHECK(partner() == both);  // one file of its own
  const NodeId apart = garden.Grow(root, .3, {"f"});
  CHECK(partner() == apart);  // shares none: comes first
  const NodeId better = garden.Grow(root, .5, {"g"});
  CHECK(partner() == better);
  // From `a` on the best changed only b, so that a sibling may change `a`.
  const NodeId sibling = garden.Grow(a, .6, {"a"});
  CHECK(partner() == sibling);
  garden.tree.Prune(sibling);
  CHECK(partner() == better);
  garden.Finish(garden.Select(Operator::kMerge, {best, better}),
                Outcome::kDuplicate);
  CHECK(partner() == apart);
}

TEST_CASE("more files than a word has bits do not confuse merges") {
  Garden garden(Garden::Maximize("greedy"));
  const NodeId root = garden.Root(.1);
  std::vector<std::string> files;
  for (int i = 0; i < 150; ++i) files.push_back("f" + std::to_string(i));
  garden.best = garden.Grow(root, .9, files);
  for (const std::string& file : files) garden.Grow(root, .5, {file});
  garden.Follow();
  Rng rng(1);
  CHECK(garden.policy->Select(garden.View(), rng)->op == Operator::kImprove);
  for (int i = 150; i < 400; i += 50) {
    const NodeId other =
        garden.Grow(root, .3 + i * .0001, {"f" + std::to_string(i)});
    const auto chosen = garden.policy->Select(garden.View(), rng);
    CHECK(chosen->parents == std::vector{garden.best, other});
  }
}

TEST_CASE("tunes follow a new best, as many as the spec says") {
  for (const char* policy : kPolicies) {
    CAPTURE(policy);
    Drafted garden(policy);
    CHECK(garden.Ask()->op == Operator::kImprove);
    garden.spec.search.tune = 2;
    garden.tunes_since_best = 1;
    const auto tune = garden.Ask();
    CHECK(tune->op == Operator::kTune);
    CHECK(tune->parents == std::vector{garden.best});
    garden.tunes_since_best = 2;
    CHECK(garden.Ask()->op == Operator::kImprove);
    garden.tunes_since_best = 0;
    garden.best = garden.root;
    CHECK(garden.Ask()->op == Operator::kImprove);
  }
}

TEST_CASE("a restart is due once per restart_after attempts without a best") {
  for (const char* policy : kPolicies) {
    CAPTURE(policy);
    Drafted garden(policy);
    for (int i = 0; i < 60; ++i) garden.Grow(garden.root, .1);
    for (auto [since, begun, due] : {std::tuple(14, 0, false),
                                     {15, 0, true},
                                     {16, 1, false},
                                     {29, 1, false},
                                     {30, 1, true},
                                     {31, 2, false}}) {
      garden.since_best = since;
      garden.restarts_since_best = begun;
      const auto chosen = garden.Ask();
      CHECK((chosen->op == Operator::kDraft) == due);
      CHECK(chosen->history_withheld == due);
    }
  }
}

TEST_CASE("repairs come before merges, merges before tunes and restarts") {
  Drafted garden("greedy");
  garden.spec.search.tune = 1;
  garden.since_best = 15;
  garden.merges_since_best = 0;
  garden.spec.search.debug_prob = 1;
  const NodeId leaf = garden.Break(garden.drafts[0]);
  CHECK(garden.Ask()->op == Operator::kDebug);
  garden.tree.Prune(leaf);
  CHECK(garden.Ask()->op == Operator::kMerge);
  garden.merges_since_best = 1;
  CHECK(garden.Ask()->op == Operator::kTune);
  garden.tunes_since_best = 1;
  CHECK(garden.Ask()->history_withheld);
}

}  // namespace
}  // namespace coppice::search
