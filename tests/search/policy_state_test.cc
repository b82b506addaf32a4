#include <doctest/doctest.h>

#include <array>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "base/rng.h"
#include "search/policy.h"
#include "search/policy_index.h"

// A policy is told of changes and keeps indexes; one that sees the tree for the
// first time knows no history. Whatever happens to a tree, both choose alike.

namespace coppice::search {
namespace {

class World {
 public:
  World(const char* policy, std::uint64_t seed) : rng_(seed) {
    spec_.search.policy = policy;
    spec_.metric.direction = spec::Direction::kMaximize;
    spec_.search.num_drafts = 2;
    spec_.search.max_depth = 6;
    spec_.search.merge = 2;
    live_ = MakePolicy(spec_).value();
    tree_.Commit(AttemptId(0), Node(), {});
    tree_.Finish(AttemptId(0), Outcome::kBaseline);
    tree_.SetValue(NodeId(0), .2);
    live_->Changed(tree_, NodeId(0));
  }

  void Step() {
    const double what = rng_.Uniform();
    if (what < .45) {
      Choose();
    } else if (what < .85) {
      Finish();
    } else if (what < .90) {
      Remeasure();
    } else if (what < .95) {
      Reopen();
    } else if (what < .96) {
      Prune();
    } else {
      tau_ = std::array{-1., 0., .05}[rng_.Below(3)];
    }
  }

  std::size_t size() const { return tree_.size(); }

 private:
  ChainView View(int chain) {
    ChainView view{.tree = tree_, .chain = chain, .tau = tau_};
    for (std::uint32_t id = 1; id < tree_.size(); ++id) {
      const Node& node = tree_[NodeId(id)];
      if (node.chain != chain || !MayGrow(node)) continue;
      if (*node.value > *tree_[view.best].value) view.best = NodeId(id);
    }
    view.finished = static_cast<int>(tree_.Finished(chain).size());
    for (const Open& open : open_) view.in_flight += open.chain == chain;
    view.since_best = static_cast<int>(rng_.Below(20));
    return view;
  }

  void Choose() {
    const int chain = static_cast<int>(rng_.Below(2));
    std::unique_ptr<Policy> fresh = MakePolicy(spec_).value();
    for (std::uint32_t id = 0; id < tree_.size(); ++id) {
      fresh->Changed(tree_, NodeId(id));
    }
    const ChainView view = View(chain);
    Rng once(rng_.Next());
    Rng again = once;
    const std::optional<Expansion> expected = fresh->Select(view, once);
    const std::optional<Expansion> chosen = live_->Select(view, again);
    REQUIRE(chosen.has_value() == expected.has_value());
    if (!chosen) return;
    REQUIRE(chosen->parents == expected->parents);
    REQUIRE(chosen->op == expected->op);
    REQUIRE(chosen->history_withheld == expected->history_withheld);
    for (NodeId parent : chosen->parents) {
      const bool debug = chosen->op == Operator::kDebug;
      REQUIRE(MayGrow(tree_[parent]) != debug);
    }
    const AttemptId attempt(tree_.attempts() + 1);
    tree_.Select(
        attempt,
        {.op = chosen->op, .parents = chosen->parents, .chain = chain});
    for (NodeId parent : chosen->parents) live_->Changed(tree_, parent);
    open_.push_back({attempt, chain});
  }

  void Finish() {
    if (open_.empty()) return;
    const std::size_t at = rng_.Below(open_.size());
    const AttemptId attempt = open_[at].attempt;
    open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(at));
    const Attempt& what = *tree_.FindAttempt(attempt);
    const double fate = rng_.Uniform();
    if (!what.node && fate < .1) {
      tree_.Finish(attempt, Outcome::kEditFailed);
      return Tell(attempt);
    }
    if (!what.node) {
      const char file = static_cast<char>('a' + rng_.Below(4));
      tree_.Commit(attempt, Node{.op = what.op, .chain = what.chain},
                   what.parents, {std::string(1, file)});
      Tell(attempt);
    }
    const bool works = fate < .7;
    tree_.Finish(attempt, works ? Outcome::kValid : Outcome::kBuggy);
    // Coarse, so that there are ties.
    const double value = static_cast<double>(rng_.Below(30)) / 30;
    if (works) tree_.SetValue(*what.node, value);
    Tell(attempt);
  }

  void Tell(AttemptId attempt) {
    const Attempt& what = *tree_.FindAttempt(attempt);
    for (NodeId parent : what.parents) live_->Changed(tree_, parent);
    if (what.node) live_->Changed(tree_, *what.node);
  }

  NodeId Any() {
    return NodeId(static_cast<std::uint32_t>(rng_.Below(tree_.size())));
  }

  void Remeasure() {
    const NodeId node = Any();
    if (!tree_[node].value) return;
    tree_.SetValue(node, static_cast<double>(rng_.Below(30)) / 30);
    live_->Changed(tree_, node);
  }

  void Reopen() {
    const NodeId node = Any();
    if (node == tree_.root() || !tree_[node].outcome) return;
    tree_.Reopen(tree_[node].attempt);
    open_.push_back({tree_[node].attempt, tree_[node].chain});
    Tell(tree_[node].attempt);
  }

  void Prune() {
    const NodeId node = Any();
    if (tree_[node].depth < 2) return;
    tree_.Prune(node);
    for (std::uint32_t id = node.value(); id < tree_.size(); ++id) {
      live_->Changed(tree_, NodeId(id));
    }
  }

  struct Open {
    AttemptId attempt;
    int chain = 0;
  };

  spec::Spec spec_;
  Rng rng_;
  SolutionTree tree_;
  std::unique_ptr<Policy> live_;
  std::vector<Open> open_;
  double tau_ = 0;
};

TEST_CASE("whatever happened, a policy chooses by the tree alone (SC-09)") {
  for (const std::string policy :
       {"ucb", "beam", "greedy", "rank", "uct", "puct", "abmcts"}) {
    CAPTURE(policy);
    for (std::uint64_t seed = 0; seed < 6; ++seed) {
      CAPTURE(seed);
      World world(policy.c_str(), seed);
      for (int step = 0; step < 700; ++step) world.Step();
      CHECK(world.size() > 100);
    }
  }
}

}  // namespace
}  // namespace coppice::search
