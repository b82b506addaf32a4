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

// Best so far by the decision rule's own choices, not by the luckiest sample.
void DrawCurve(const search::State& state, SearchFacts& facts) {
  const search::SolutionTree& tree = state.tree();
  CurvePoint point;
  point.best = tree[tree.root()].value.value_or(0);
  facts.curve.push_back(point);
  for (AttemptId attempt : state.order_of_completion()) {
    const search::AttemptInfo& info = *state.Info(attempt);
    ++point.nodes;
    point.cost_usd += info.usd;
    point.tokens += info.input_tokens + info.output_tokens;
    point.hours += WorkHours(info);
    const auto& evaluated = info.evaluated;
    if (evaluated && evaluated->outcome == Outcome::kImproved &&
        evaluated->value &&
        Sign(state) * (*evaluated->value - point.best) > 0) {
      point.best = *evaluated->value;
    }
    facts.curve.push_back(point);
  }
  facts.used = point;
}

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
    const auto& evaluated = state.Info(best)->evaluated;
    const std::optional<double> claimed = evaluated && evaluated->value
                                              ? evaluated->value
                                              : tree[chain.best].value;
    facts.chain_bests.push_back(claimed.value_or(facts.curve.front().best));
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

}  // namespace

SearchFacts FactsOf(const search::State& state, std::string arm, int seed) {
  using Hours = std::chrono::duration<double, std::ratio<3600>>;
  SearchFacts facts;
  facts.arm = std::move(arm);
  facts.seed = seed;
  facts.run = state.run();
  DrawCurve(state, facts);
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
  const auto& evaluated = state.Info(winner)->evaluated;
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

Result<SearchFacts> FactsOf(search::Journal& journal, std::string arm,
                            int seed) {
  search::State state;
  auto apply = [&](const search::Record& record) {
    return state.Apply(record);
  };
  Result<void> read = journal.Replay(apply);
  if (!read) return read.error();
  return FactsOf(state, std::move(arm), seed);
}

}  // namespace coppice::study
