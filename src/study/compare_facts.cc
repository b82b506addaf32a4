#include <algorithm>
#include <chrono>

#include "study/compare.h"
#include "study/side_by_side.h"
#include "study/turnstile.h"

// One search as its journal tells it.

namespace coppice::study {
namespace {

int Sign(const search::State& state) {
  return spec::Sign(state.spec().metric.direction);
}

CurvePoint PointOf(const search::State& state) {
  const Spending spent = SpendingOf(state);
  return {.nodes = spent.nodes,
          .cost_usd = spent.usd,
          .tokens = spent.tokens,
          .hours = spent.hours};
}

// Looks on while the records of a search are applied, one after the other:
// what was used when is not to be seen in what came of it.
class Onlooker {
 public:
  void See(const search::State& state, const search::Record& record) {
    if (const auto* asked = std::get_if<search::Asked>(&record.event)) {
      largest_.cost_usd = std::max(largest_.cost_usd, asked->reserve_usd);
      largest_.tokens = std::max(largest_.tokens, asked->reserve_tokens);
    }
    if (const auto* done = std::get_if<search::Rejected>(&record.event)) {
      Finished(state, done->attempt);
    }
    if (const auto* done = std::get_if<search::Evaluated>(&record.event)) {
      Finished(state, done->node);
    }
    // What is measured after the end is outside the total.
    const bool ends = std::holds_alternative<search::Stopped>(record.event);
    if (ends || !state.stopped()) used_ = PointOf(state);
  }

  // Best so far by the decision rule's own choices, not by the luckiest sample.
  void Tell(const search::State& state, SearchFacts& facts) const {
    const search::SolutionTree& tree = state.tree();
    facts.curve.push_back(begin_);
    double best = tree[tree.root()].value.value_or(0);
    facts.curve.back().best = best;
    for (AttemptId attempt : state.order_of_completion()) {
      const auto evaluated = state.Info(attempt)->evaluated;
      if (evaluated && evaluated->outcome == Outcome::kImproved &&
          evaluated->value && Sign(state) * (*evaluated->value - best) > 0) {
        best = *evaluated->value;
      }
      facts.curve.push_back(points_.at(attempt));
      facts.curve.back().nodes = static_cast<int>(facts.curve.size()) - 1;
      facts.curve.back().best = best;
    }
    facts.used = used_;
    facts.used.best = best;
    facts.largest = largest_;
  }

 private:
  void Finished(const search::State& state, AttemptId attempt) {
    if (attempt.value() == 0) {
      begin_ = PointOf(state);
      return;
    }
    points_[attempt] = PointOf(state);
    largest_.hours = std::max(largest_.hours, WorkHours(*state.Info(attempt)));
  }

  CurvePoint begin_, used_;
  CurvePoint largest_{.nodes = 1};
  std::map<AttemptId, CurvePoint> points_;  // when it was finished
};

// Attempts in flight when another one was selected.
void CountInFlight(const search::State& state, SearchFacts& facts) {
  std::vector<WallTime> ends;
  for (AttemptId attempt : state.order_of_completion()) {
    ends.push_back(state.Info(attempt)->finished_at);
  }
  std::ranges::sort(ends);
  const std::int64_t count = state.next_attempt().value() - 1;
  double sum = 0;
  for (std::int64_t i = 1; i <= count; ++i) {
    const WallTime at = state.Info(AttemptId(i))->selected_at;
    const auto ended = std::ranges::upper_bound(ends, at) - ends.begin();
    const int open = std::max(0, static_cast<int>(i - 1 - ended));
    facts.most_in_flight = std::max(facts.most_in_flight, open);
    sum += open;
  }
  if (count > 0) facts.mean_in_flight = sum / static_cast<double>(count);
}

void LookAtTree(const search::State& state, SearchFacts& facts) {
  const search::SolutionTree& tree = state.tree();
  double depths = 0;
  for (std::uint32_t i = 1; i < tree.size(); ++i) {
    const search::Node& node = tree[NodeId(i)];
    depths += node.depth;
    facts.deepest = std::max(facts.deepest, node.depth);
    facts.most_visits = std::max(facts.most_visits, node.attempts);
    for (const search::Sampled& s : state.samples_of(node.attempt)) {
      facts.cached += s.sample.cached ? 1 : 0;
    }
  }
  if (tree.size() > 1) {
    facts.mean_depth = depths / static_cast<double>(tree.size() - 1);
  }
  for (std::int64_t i = 1; i < state.next_attempt().value(); ++i) {
    const Operator op = state.Info(AttemptId(i))->selected.op;
    facts.drafts += op == Operator::kDraft ? 1 : 0;
  }
  for (const auto& [outcome, count] : state.Outcomes()) {
    if (outcome != Outcome::kBaseline) {
      facts.outcomes[std::string(Name(outcome))] = count;
    }
  }
  for (const search::ChainState& chain : state.chains()) {
    const AttemptId best = tree[chain.best].attempt;
    const auto evaluated = state.Info(best)->evaluated;
    const std::optional<double> claimed = evaluated && evaluated->value
                                              ? evaluated->value
                                              : tree[chain.best].value;
    const double base = tree[tree.root()].value.value_or(0);
    facts.chain_bests.push_back(claimed.value_or(base));
  }
}

std::vector<double> ScoresOf(const search::State& state, AttemptId node) {
  std::vector<double> scores;
  for (const search::Sampled& s : FreshSamples(state, node)) {
    if (s.sample.failure) continue;
    if (auto score = state.measurements().Score(s.sample.metrics)) {
      scores.push_back(*score);
    }
  }
  return scores;
}

// All but what the onlooker has seen.
SearchFacts LookBack(const search::State& state) {
  using Hours = std::chrono::duration<double, std::ratio<3600>>;
  SearchFacts facts;
  facts.run = state.run();
  facts.paid_usd = state.Used(state.last_at()).usd;
  CountInFlight(state, facts);
  LookAtTree(state, facts);
  if (!state.order_of_completion().empty()) {
    const AttemptId last = state.order_of_completion().back();
    facts.wall_hours =
        Hours(state.Info(last)->finished_at - state.started_at()).count();
  }
  if (state.stopped()) facts.ended = state.stopped()->reason;
  const AttemptId winner = WinnerOf(state);
  const search::Node& node = state.tree()[*state.tree().Find(winner)];
  const auto evaluated = state.Info(winner)->evaluated;
  facts.winner = winner.value();
  facts.winner_depth = node.depth;
  facts.claimed = evaluated && evaluated->value ? *evaluated->value
                                                : node.value.value_or(0);
  facts.fresh = ScoresOf(state, winner);
  facts.base = ScoresOf(state, AttemptId(0));
  if (!facts.fresh.empty()) {
    facts.value = state.measurements().Aggregate(facts.fresh);
  }
  return facts;
}

}  // namespace

Result<SearchFacts> FactsOf(search::Journal& journal, std::string arm,
                            int seed) {
  search::State state;
  Onlooker onlooker;
  auto apply = [&](const search::Record& record) -> Result<void> {
    Result<void> applied = state.Apply(record);
    if (applied) onlooker.See(state, record);
    return applied;
  };
  Result<void> read = journal.Replay(apply);
  if (!read) return read.error();
  SearchFacts facts = LookBack(state);
  facts.arm = std::move(arm);
  facts.seed = seed;
  onlooker.Tell(state, facts);
  return facts;
}

}  // namespace coppice::study
