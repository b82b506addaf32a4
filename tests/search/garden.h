#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "search/policy.h"
#include "search/tree.h"
#include "spec/spec.h"

namespace coppice::search {

// A solution tree made by hand, with the view of its first chain and a policy
// that hears of every change.
class Garden {
 public:
  explicit Garden(spec::Spec spec_in = {}) : spec(std::move(spec_in)) {}

  static spec::Spec Maximize(std::string policy) {
    spec::Spec spec;
    spec.search.policy = std::move(policy);
    spec.metric.direction = spec::Direction::kMaximize;
    return spec;
  }

  NodeId Root(std::optional<double> value) {
    NodeId root = tree.Commit(AttemptId(0), Node(), {});
    tree.Finish(AttemptId(0), Outcome::kBaseline);
    tree.SetValue(root, value);
    Tell(root);
    return root;
  }

  AttemptId Select(Operator op, const std::vector<NodeId>& parents,
                   int chain = 0) {
    AttemptId attempt(tree.attempts() + 1);
    tree.Select(attempt, {.op = op, .parents = parents, .chain = chain});
    for (NodeId parent : parents) Tell(parent);
    ++in_flight;
    return attempt;
  }

  NodeId Commit(AttemptId attempt, const std::vector<std::string>& files = {}) {
    const Attempt& what = *tree.FindAttempt(attempt);
    NodeId id = tree.Commit(attempt, Node{.op = what.op, .chain = what.chain},
                            what.parents, files);
    TellAll(attempt);
    return id;
  }

  void Finish(AttemptId attempt, Outcome outcome,
              std::optional<double> value = std::nullopt) {
    --in_flight;
    ++finished;
    tree.Finish(attempt, outcome);
    if (auto node = tree.Find(attempt)) tree.SetValue(*node, value);
    TellAll(attempt);
  }

  // The whole life of a node at once.
  NodeId Grow(NodeId parent, double value,
              const std::vector<std::string>& files = {}) {
    return GrowAs(parent.value() == 0 ? Operator::kDraft : Operator::kImprove,
                  {parent}, value, std::move(files));
  }
  NodeId GrowAs(Operator op, std::vector<NodeId> parents, double value,
                const std::vector<std::string>& files = {}) {
    AttemptId attempt = Select(op, std::move(parents));
    NodeId node = Commit(attempt, std::move(files));
    Finish(attempt, Outcome::kValid, value);
    return node;
  }
  NodeId Break(NodeId parent, Outcome outcome = Outcome::kBuggy) {
    const bool failed = !MayBeImproved(*tree[parent].outcome);
    AttemptId attempt = Select(
        failed ? Operator::kDebug
               : (parent.value() == 0 ? Operator::kDraft : Operator::kImprove),
        {parent});
    NodeId node = Commit(attempt);
    Finish(attempt, outcome);
    return node;
  }
  NodeId Pending(NodeId parent) {
    return Commit(Select(Operator::kImprove, {parent}));
  }
  void Reject(NodeId parent) {
    Finish(Select(Operator::kImprove, {parent}), Outcome::kEditFailed);
  }
  void Remeasure(NodeId node, std::optional<double> value) {
    tree.SetValue(node, value);
    Tell(node);
  }

  ChainView View() const {
    return ChainView{.tree = tree,
                     .best = best,
                     .tau = tau,
                     .sign = spec::Sign(spec.metric.direction),
                     .finished = finished,
                     .in_flight = in_flight,
                     .since_best = since_best,
                     .merges_off = merges_off,
                     .merges_since_best = merges_since_best,
                     .tunes_since_best = tunes_since_best,
                     .restarts_since_best = restarts_since_best};
  }

  // Of the spec's policy, as it is told of changes from now on.
  void Follow() { policy = Fresh(); }
  std::unique_ptr<Policy> Fresh() const {
    std::unique_ptr<Policy> made = MakePolicy(spec).value();
    for (std::uint32_t id = 0; id < tree.size(); ++id) {
      made->Changed(tree, NodeId(id));
    }
    return made;
  }
  // What a policy that saw the tree as it is now would do.
  std::optional<Expansion> Ask(std::uint64_t seed = 1) const {
    Rng rng(seed);
    return Fresh()->Select(View(), rng);
  }

  spec::Spec spec;
  SolutionTree tree;
  std::unique_ptr<Policy> policy;
  NodeId best;
  double tau = 0;
  int finished = 0;
  int in_flight = 0;
  int since_best = 0;
  bool merges_off = false;
  int merges_since_best = 0;
  int tunes_since_best = 0;
  int restarts_since_best = 0;

 private:
  void Tell(NodeId node) {
    if (policy) policy->Changed(tree, node);
  }
  void TellAll(AttemptId attempt) {
    for (NodeId parent : tree.FindAttempt(attempt)->parents) Tell(parent);
    if (auto node = tree.Find(attempt)) Tell(*node);
  }
};

}  // namespace coppice::search
