#include "study/simulated_search.h"

#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <set>

#include "search/ucb.h"
#include "study/setups.h"

namespace coppice::study {
namespace {

using search::ChainView;
using search::Expansion;
using search::Policy;
using search::SolutionTree;

const char* const kTreePolicies[] = {"ucb", "beam", "greedy", "rank",
                                     "uct", "puct", "abmcts"};
const char* const kPolicies[] = {"ucb",  "beam",   "greedy", "rank",     "uct",
                                 "puct", "abmcts", "linear", "best_of_n"};

bool Same(const std::optional<Expansion>& a,
          const std::optional<Expansion>& b) {
  if (!a || !b) return !a && !b;
  return a->parents == b->parents && a->op == b->op && a->chain == b->chain &&
         a->history_withheld == b->history_withheld;
}

bool Same(const std::vector<Expansion>& a, const std::vector<Expansion>& b) {
  return std::ranges::equal(
      a, b, [](const Expansion& x, const Expansion& y) { return Same(x, y); });
}

// Tells every change up to three times, and at every choice asks a policy
// that saw nothing but the tree as it is.
class Suspicious final : public Policy {
 public:
  explicit Suspicious(spec::Spec spec)
      : spec_(std::move(spec)), live_(search::MakePolicy(spec_).value()) {}

  void Changed(const SolutionTree& tree, NodeId node) override {
    for (std::uint64_t i = 0; i <= random_.Below(3); ++i) {
      live_->Changed(tree, node);
    }
    NodeId other(static_cast<std::uint32_t>(random_.Below(tree.size())));
    live_->Changed(tree, other);
  }

  std::optional<Expansion> Select(const ChainView& view, Rng& rng) override {
    std::unique_ptr<Policy> fresh = search::MakePolicy(spec_).value();
    for (std::uint32_t id = 0; id < view.tree.size(); ++id) {
      fresh->Changed(view.tree, NodeId(id));
    }
    Rng same = rng;
    const std::optional<Expansion> expected = fresh->Select(view, same);
    const std::optional<Expansion> chosen = live_->Select(view, rng);
    REQUIRE(Same(chosen, expected));
    return chosen;
  }

 private:
  const spec::Spec spec_;
  const std::unique_ptr<Policy> live_;
  Rng random_{11};
};

TEST_CASE("same options, same search") {
  for (const char* policy : kPolicies) {
    CAPTURE(policy);
    SimulationOptions options = Shipped("plain", policy, 150, 8);
    options.noise = .05;
    const Simulated once = Simulate(options);
    const Simulated again = Simulate(options);
    CHECK(Same(once.selected, again.selected));
    CHECK(once.best == again.best);
    CHECK(once.time() == again.time());
    options.seed = 1;
    CHECK(once.time() != Simulate(options).time());
  }
}

TEST_CASE("seeds searched side by side are those searched one by one") {
  SimulationOptions options = Shipped("tunnel", "ucb", 80, 8);
  const auto side_by_side = SimulateSeeds(
      options, 5, 20, [](const Simulated& run) { return run.selected; });
  for (std::size_t i = 0; i < side_by_side.size(); ++i) {
    options.seed = 5 + i;
    CHECK(Same(Simulate(options).selected, side_by_side[i]));
  }
}

TEST_CASE("the budget is spent exactly and split evenly over the chains") {
  for (const char* policy : kPolicies) {
    CAPTURE(policy);
    SimulationOptions options = Shipped("plain", policy, 103, 7);
    options.spec.search.chains = 10;
    const Simulated run = Simulate(options);
    CHECK(run.selected.size() == 103);
    CHECK(run.progress.size() == 103);
    std::map<int, int> by_chain;
    for (const Expansion& expansion : run.selected) ++by_chain[expansion.chain];
    for (auto [chain, attempts] : by_chain) {
      CHECK(attempts == (chain < 3 ? 11 : 10));
    }
  }
}

TEST_CASE("more workers take less time, and one takes the sum of all") {
  SimulationOptions options = Shipped("plain", "ucb", 200, 1);
  const double alone = Simulate(options).time();
  CHECK(alone == doctest::Approx(200 * 1.133 * 1.21).epsilon(.25));
  options.workers = 8;
  CHECK(Simulate(options).time() < alone / 4);
}

TEST_CASE("a policy remembers nothing that the tree does not tell (SC-09)") {
  for (const char* policy : kTreePolicies) {
    for (const char* landscape : {"plain", "trap-mild", "dead-end"}) {
      for (int chains : {1, 3}) {
        CAPTURE(policy);
        CAPTURE(landscape);
        CAPTURE(chains);
        SimulationOptions options = Shipped(landscape, policy, 160, 6);
        options.spec.search.chains = chains;
        options.spec.search.tune = 1;
        options.spec.search.merge = 2;
        options.noise = .02;
        options.tau = .01;
        options.policy = [spec = options.spec] {
          return std::make_unique<Suspicious>(spec);
        };
        CHECK(Simulate(options).selected.size() == 160);
      }
    }
  }
}

TEST_CASE("no policy improves what failed, and all go on (AC-12)") {
  for (const char* policy : kPolicies) {
    for (const char* landscape : {"plain", "dead-end"}) {
      CAPTURE(policy);
      CAPTURE(landscape);
      for (std::uint64_t seed = 0; seed < 10; ++seed) {
        SimulationOptions options = Shipped(landscape, policy, 100, 8);
        options.seed = seed;
        const Simulated run = Simulate(options);
        CHECK(run.selected.size() == 100);
        for (const Expansion& expansion : run.selected) {
          for (NodeId parent : expansion.parents) {
            const bool works = run.truths[parent.value()].works;
            REQUIRE(works == (expansion.op != Operator::kDebug));
          }
        }
      }
    }
  }
}

TEST_CASE("when all children of the best fail, tree policies back up (AC-12)") {
  for (const std::string policy : kTreePolicies) {
    CAPTURE(policy);
    SimulationOptions options = Shipped("dead-end", policy, 100, 1);
    for (options.seed = 0; options.seed < 50; ++options.seed) {
      const Simulated run = Simulate(options);
      std::map<NodeId, int> tried;
      for (std::size_t i = 50; i < run.selected.size(); ++i) {
        ++tried[run.selected[i].parents.front()];
      }
      // To other nodes, or (abmcts) as far as to nothing but new drafts.
      CAPTURE(options.seed);
      CHECK((tried.size() >= 3 || tried.contains(run.tree.root())));
      for (const auto& [node, attempts] : tried) {
        if (node != run.tree.root()) CHECK(attempts <= 25);
      }
    }
  }
}

TEST_CASE(
    "the best is a measured node, whatever else is there (AC-13, MC-26)") {
  for (int i = 0; i < 60 * static_cast<int>(std::size(kPolicies)); ++i) {
    const char* policy = kPolicies[static_cast<std::size_t>(i / 60)];
    CAPTURE(policy);
    SimulationOptions options = Shipped("plain", policy, 60, 8);
    options.spec.metric.direction =
        i % 2 == 0 ? spec::Direction::kMinimize : spec::Direction::kMaximize;
    const int sign = spec::Sign(options.spec.metric.direction);
    options.seed = static_cast<std::uint64_t>(i % 60 / 2);
    {
      const Simulated run = Simulate(options);
      const search::Node& best = run.tree[run.best];
      REQUIRE(best.value.has_value());
      CHECK(MayBeImproved(*best.outcome));
      for (std::uint32_t id = 0; id < run.tree.size(); ++id) {
        const search::Node& node = run.tree[NodeId(id)];
        CHECK(node.value.has_value() == run.truths[id].works);
        if (node.value) CHECK(sign * *node.value <= sign * *best.value);
      }
    }
  }
}

TEST_CASE("merges, restarts, tunes and debugs fire in 100 nodes (AC-53)") {
  for (const char* policy : kTreePolicies) {
    CAPTURE(policy);
    SimulationOptions options = Shipped("tunnel", policy, 100, 4);
    options.spec.search.tune = 1;
    options.tau = .01;
    std::map<Operator, int> fired;
    int restarts = 0;
    for (options.seed = 0; options.seed < 20; ++options.seed) {
      for (const Expansion& expansion : Simulate(options).selected) {
        ++fired[expansion.op];
        restarts += expansion.history_withheld ? 1 : 0;
      }
    }
    for (Operator op : {Operator::kDraft, Operator::kImprove, Operator::kDebug,
                        Operator::kMerge, Operator::kTune}) {
      CAPTURE(Name(op));
      CHECK(fired[op] >= 20);
    }
    CHECK(restarts >= 20);
  }
}

// ucb on `plain` with its metric shown through `metric`.
Simulated Seen(double eps, bool floor, spec::Direction direction,
               std::function<double(double)> metric) {
  SimulationOptions options = Shipped("plain", "ucb", 250, 8);
  options.spec.metric.direction = direction;
  options.spec.search.lineage_floor = floor;
  options.metric = std::move(metric);
  search::UcbOptions ucb = search::UcbOptionsOf(options.spec.search);
  ucb.eps = eps;
  options.policy = [spec = options.spec, ucb] {
    return search::MakeUcb(spec, ucb);
  };
  return Simulate(options);
}

TEST_CASE("only the order of scores matters without floor and eps (SC-05)") {
  constexpr auto kUp = spec::Direction::kMaximize;
  auto shifted = [](double q) { return q + 3; };  // positive
  const auto plain = Seen(0, false, kUp, shifted).selected;
  auto same = [&](auto direction, auto metric) {
    return Same(plain, Seen(0, false, direction, metric).selected);
  };
  CHECK(same(kUp, [&](double q) { return std::exp(5 * shifted(q)); }));
  CHECK(same(kUp, [&](double q) { return std::pow(shifted(q), 3); }));
  CHECK(same(kUp, [&](double q) { return -1 / shifted(q); }));
  CHECK(
      same(spec::Direction::kMinimize, [&](double q) { return -shifted(q); }));
  CHECK_FALSE(same(kUp, [&](double q) { return std::round(q * 10); }));
}

TEST_CASE("with the defaults a change of unit changes nothing (SC-05)") {
  constexpr auto kUp = spec::Direction::kMaximize;
  const auto plain = Seen(.01, true, kUp, [](double q) { return q; }).selected;
  // Powers of two and small offsets keep every comparison exact.
  CHECK(Same(plain,
             Seen(.01, true, kUp, [](double q) { return 1024 * q; }).selected));
  CHECK(Same(plain, Seen(.01, true, kUp, [](double q) {
                      return 1000 * q + 5;
                    }).selected));
  CHECK(Same(plain, Seen(.01, true, spec::Direction::kMinimize, [](double q) {
                      return -q;
                    }).selected));
}

TEST_CASE("constant scores are spread evenly (SC-06)") {
  SimulationOptions options = Bare("trap-mild", "ucb", 100, 8);
  options.metric = [](double) { return 1.; };
  auto expanded = [&] {
    std::map<NodeId, int> tried;
    for (const Expansion& e : Simulate(options).selected) {
      ++tried[e.parents.front()];
    }
    return tried;
  };
  options.spec.search.lineage_floor = false;
  auto tried = expanded();
  CHECK(tried.size() == 78);
  tried.erase(NodeId(0));
  for (auto [node, attempts] : tried) CHECK(attempts == 1);

  options.spec.search.lineage_floor = true;
  double most = 0;
  double distinct = 0;
  constexpr int kSeeds = 50;
  for (options.seed = 0; options.seed < kSeeds; ++options.seed) {
    auto floored = expanded();
    distinct += static_cast<double>(floored.size()) / kSeeds;
    floored.erase(NodeId(0));
    int max = 0;
    for (auto [node, attempts] : floored) max = std::max(max, attempts);
    most += static_cast<double>(max) / kSeeds;
  }
  CHECK(most <= 4);
  CHECK(distinct == doctest::Approx(80).epsilon(.06));
}

TEST_CASE("new roots under eight workers stay within their bounds (SC-08)") {
  for (const char* landscape : {"trap-mild", "trap-2"}) {
    SimulationOptions options = Bare(landscape, "ucb", 500, 8);
    for (options.seed = 0; options.seed < 20; ++options.seed) {
      int roots = 0;
      double t = 0;
      for (const Expansion& e : Simulate(options).selected) {
        ++t;
        roots += e.op == Operator::kDraft ? 1 : 0;
        CHECK(roots >= std::min(t, 5.));
        if (t < 204) continue;
        CHECK(roots >= .35 * std::sqrt(t + 1));
        CHECK(roots <= 1.05 * std::sqrt(t + 1) + 8);
      }
    }
  }
}

TEST_CASE("a change may be the same as one in flight, and becomes no node") {
  SimulationOptions options = Shipped("tunnel", "best_of_n", 2000, 16);
  const Simulated run = Simulate(options);
  const auto rejected =
      static_cast<double>(2001 - static_cast<int>(run.tree.size()));
  // Fifteen siblings in flight at .03 each.
  CHECK(rejected / 2000 == doctest::Approx(1 - std::pow(.97, 15)).epsilon(.1));
  CHECK(run.truths.size() == run.tree.size());
  options.workers = 1;
  CHECK(Simulate(options).tree.size() == 2001);
}

TEST_CASE("proposals take their time beside evaluations and feed the slots") {
  SimulationOptions options = Bare("trap-mild", "ucb", 800, 16);
  const Simulated at_once = Simulate(options);
  CHECK(at_once.busy_while_selecting ==
        doctest::Approx(16 * at_once.last_selection));
  options.proposing = 1;
  options.requests = 64;
  const Simulated ahead = Simulate(options);
  CHECK(ahead.progress.size() == 800);
  CHECK(ahead.busy_while_selecting > .95 * 16 * ahead.last_selection);
  // With one request at a time the slots starve.
  options.requests = 1;
  const Simulated starved = Simulate(options);
  CHECK(starved.evaluating < .15 * 16 * starved.time());
  CHECK(starved.evaluating == doctest::Approx(ahead.evaluating).epsilon(1e-9));
}

TEST_CASE("the final's measurements come out of the budget (SC-17)") {
  SimulationOptions options = Shipped("tunnel", "ucb", 300, 8);
  options.noise = .1;
  options.final_share = .1;
  const Simulated run = Simulate(options);
  CHECK(run.selected.size() == 270);
  CHECK(FinalBudget(options) == 30);
  // What is claimed was measured anew.
  CHECK(run.claimed != *run.tree[run.best].value);
}

TEST_CASE("a search of 10^5 nodes by 256 workers spends its budget exactly") {
  SimulationOptions options = Shipped("tunnel", "ucb", 100'000, 256);
  options.noise = .05;
  const Simulated run = Simulate(options);
  CHECK(run.selected.size() == 100'000);
  CHECK(run.busy_while_selecting > .95 * 256 * run.last_selection);
}

TEST_CASE("noise shows in the values, not in the truth") {
  SimulationOptions options = Shipped("plain", "best_of_n", 400, 8);
  options.noise = .1;
  const Simulated run = Simulate(options);
  double sum = 0;
  double squares = 0;
  int count = 0;
  for (std::uint32_t id = 0; id < run.tree.size(); ++id) {
    if (!run.tree[NodeId(id)].value) continue;
    const double error = *run.tree[NodeId(id)].value - run.truths[id].quality;
    sum += error;
    squares += error * error;
    ++count;
  }
  CHECK(std::abs(sum / count) < .02);
  CHECK(std::sqrt(squares / count) == doctest::Approx(.1).epsilon(.15));
}

}  // namespace
}  // namespace coppice::study
