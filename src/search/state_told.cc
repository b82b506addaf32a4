#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "search/directive.h"
#include "search/state.h"
#include "spec/load.h"

// What the user said, folded in. It outlives the process that heard it, so
// everything that a later one must know is state: instructions, ideas, the
// pinned node, what is pruned, the budget. Pausing and stopping are records of
// their own.

namespace coppice::search {

// A message that makes no sense here says nothing: it came from outside, and
// the run goes on.
Result<void> State::On(const Told& e, const Record& r) {
  if (r.seq <= last_seq_) return Ok();
  Result<Directive> directive = ParseDirective(e.directive);
  if (!directive) return Ok();
  if (!directive->text.empty()) told_.push_back(directive->text);
  const bool known =
      std::ranges::count(ideas_, directive->idea, &Idea::text) > 0;
  if (!directive->idea.empty() && (directive->fresh || !known)) {
    ideas_.push_back(Idea{.text = directive->idea,
                          .source = directive->source,
                          .at = directive->at,
                          .fresh = directive->fresh,
                          .tried = std::nullopt});
  }
  if (directive->unpin) pinned_.reset();
  if (directive->pin && tree_.Find(*directive->pin)) pinned_ = directive->pin;
  if (directive->prune) Prune(*directive->prune);
  if (!directive->budget.empty()) SetBudget(directive->budget);
  return Ok();
}

void State::Prune(AttemptId attempt) {
  const std::optional<NodeId> node = tree_.Find(attempt);
  if (!node || *node == tree_.root()) return;
  tree_.Prune(*node);
  for (std::uint32_t i = 0; i < tree_.size(); ++i) {
    if (tree_[NodeId(i)].pruned) changed_.emplace_back(i);
  }
  if (pinned_ && tree_[*tree_.Find(*pinned_)].pruned) pinned_.reset();
  const int sign = spec::Sign(spec_->metric.direction);
  for (std::size_t c = 0; c < chains_.size(); ++c) {
    ChainState& chain = chains_[c];
    if (!tree_[chain.best].pruned) continue;
    chain.best = tree_.root();
    for (std::uint32_t i = 1; i < tree_.size(); ++i) {
      const Node& other = tree_[NodeId(i)];
      const bool confirmed = other.outcome == Outcome::kImproved &&
                             !other.pruned && other.value &&
                             other.chain == static_cast<int>(c);
      if (confirmed &&
          sign * (*other.value - tree_[chain.best].value.value_or(0)) > 0) {
        chain.best = NodeId(i);
      }
    }
  }
  best_ = BestOfChains(chains_.front().best);
}

// The best of the chains' bests; of equal ones `first`.
NodeId State::BestOfChains(NodeId first) const {
  const int sign = spec::Sign(spec_->metric.direction);
  NodeId best = first;
  for (const ChainState& chain : chains_) {
    if (sign * tree_[chain.best].value.value_or(0) >
        sign * tree_[best].value.value_or(0)) {
      best = chain.best;
    }
  }
  return best;
}

void State::SetBudget(const std::map<std::string, std::string>& values) {
  Json merged = Json::parse(merged_spec_);
  for (const auto& [key, value] : values) {
    merged["budget"][key] = Json::parse(value);
  }
  const std::string text = DumpCanonical(merged);
  Result<spec::Spec> spec = spec::SpecFromJson(text);
  if (!spec) return;
  merged_spec_ = text;
  spec_->budget = spec->budget;
  AddChains();
}

}  // namespace coppice::search
