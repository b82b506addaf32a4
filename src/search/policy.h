#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/outcome.h"
#include "base/result.h"
#include "base/rng.h"
#include "search/tree.h"
#include "spec/spec.h"

namespace coppice::search {

// Where to grow, and how.
struct Expansion {
  std::vector<NodeId> parents;  // two: a merge of the second into the first
  Operator op = Operator::kDraft;
  int chain = 0;
  bool history_withheld = false;
};

// What a policy may look at: one chain of one tree. Everything in it follows
// from the journal.
struct ChainView {
  const SolutionTree& tree;
  int chain = 0;
  NodeId best;       // of the chain; the root at first
  double tau = 0;    // τ(1) of SPEC §5, in the metric's unit
  int sign = 1;      // +1 maximize, -1 minimize
  int finished = 0;  // attempts of this chain with an outcome
  int in_flight = 0;
  int since_best = 0;       // finished attempts since the chain's best changed
  bool merges_off = false;  // a merge with the current best has failed
  // Tunes, merges and restarts started since the best changed.
  int merges_since_best = 0;
  int tunes_since_best = 0;
  int restarts_since_best = 0;
};

// Chooses the next expansion of one chain; one policy serves all chains of a
// search. The same tree, view and random state give the same answer. Called on
// the conductor, must not block, and is called again only after its answer was
// applied to the tree (so that work in flight is seen). Nothing: this chain has
// nothing to try until something finishes.
class Policy {
 public:
  virtual ~Policy() = default;
  virtual std::optional<Expansion> Select(const ChainView& view, Rng& rng) = 0;
  // The tree changed at this node (added, finished, new value, attempt
  // counted). Policies with indexes update them here; idempotent.
  virtual void Changed(const SolutionTree& tree, NodeId node) = 0;
};

// The policy of spec.search.policy. kUsage for a name this version lacks.
Result<std::unique_ptr<Policy>> MakePolicy(const spec::Spec& spec);

}  // namespace coppice::search
