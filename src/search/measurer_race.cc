#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "search/measurer.h"

// The final (SPEC §5 "Ties"): who races is recorded once, so that a resumed
// race has the same field; NextRaceStep then says from the samples on record
// what to measure next, until it names the winner.

namespace coppice::search {
namespace {

constexpr std::size_t kRacers = 8;

}  // namespace

std::vector<AttemptId> Measurer::ChooseRacers() const {
  const State& state = parts_.state;
  const SolutionTree& tree = state.tree();
  const int sign = spec::Sign(state.spec().metric.direction);
  const double baseline = tree[tree.root()].value.value_or(0);
  // What the holdout has turned down does not come back by the last door.
  auto turned_down = [&](const Node& node) {
    return node.outcome == Outcome::kInconclusive &&
           state.samples().NextIndex(node.attempt, SamplePhase::kHoldout) > 0;
  };
  std::vector<NodeId> better;
  for (std::uint32_t i = 1; i < tree.size(); ++i) {
    const Node& node = tree[NodeId(i)];
    if (node.outcome && MayBeImproved(*node.outcome) && node.value &&
        !node.pruned && sign * (*node.value - baseline) > 0 &&
        !turned_down(node)) {
      better.emplace_back(i);
    }
  }
  auto is_best = [&](NodeId id) {
    return std::ranges::any_of(state.chains(), [&](const ChainState& chain) {
      return chain.best == id;
    });
  };
  auto before = [&](NodeId a, NodeId b) {
    if (is_best(a) != is_best(b)) return is_best(a);
    const double va = sign * *tree[a].value;
    const double vb = sign * *tree[b].value;
    return va != vb ? va > vb : a < b;
  };
  std::ranges::sort(better, before);
  std::vector<AttemptId> racers;
  for (NodeId id : better) {
    if (racers.size() >= kRacers && !is_best(id)) break;
    racers.push_back(tree[id].attempt);
  }
  return racers;
}

std::vector<Racer> Measurer::Racers() const {
  const State& state = parts_.state;
  std::vector<Racer> racers;
  for (AttemptId attempt : state.race()) {
    Racer racer;
    racer.node = attempt;
    racer.value = state.Info(attempt)->evaluated->value.value_or(0);
    // Lines against the base add up along the lineage.
    const SolutionTree& tree = state.tree();
    for (NodeId at : tree.PathToRoot(*tree.Find(attempt))) {
      racer.lines += tree[at].added + tree[at].removed;
      racer.net_deleted += tree[at].removed - tree[at].added;
    }
    auto fresh = state.race_samples().find(attempt);
    if (fresh != state.race_samples().end()) racer.fresh = fresh->second;
    racers.push_back(std::move(racer));
  }
  return racers;
}

// R fresh pairs of winner and baseline on the holdout. One that is worse there
// is out of the race. False: the run pauses.
Task<bool> Measurer::RaceHoldout(AttemptId winner) {
  const State& state = parts_.state;
  const AttemptId root(0);
  const auto limit = static_cast<std::size_t>(parts_.open_sessions);
  const int repeats = std::max(1, state.noise().repeats);
  auto samples = [&](AttemptId node) {
    auto found = state.race_holdout().find(node);
    return found == state.race_holdout().end()
               ? 0
               : static_cast<int>(found->second.size());
  };
  auto turn_down = [&](std::string reason) {
    Noted note;
    note.kind = "race_out";
    note.attempt = winner;
    note.text = std::move(reason);
    parts_.record(std::move(note));
  };
  while (samples(winner) < repeats || samples(root) < repeats) {
    const bool winner_first = samples(winner) % 2 == 0;
    const bool winner_due = samples(winner) < samples(root) ||
                            (samples(winner) == samples(root) && winner_first);
    const AttemptId node =
        samples(winner) < repeats && winner_due ? winner : root;
    eval::SampleRequest request;
    request.phase = SamplePhase::kHoldout;
    request.index = NextIndex(node, SamplePhase::kHoldout);
    std::optional<eval::Sample> sample =
        co_await MeasureHeld(node, limit, request);
    if (!sample) co_return false;
    const std::string failure = !sample->failure ? ""
                                : node == root   ? Described(*sample->failure)
                                                 : sample->failure->reason;
    Sampled sampled;
    sampled.node = node;
    sampled.sample = std::move(*sample);
    sampled.versus = node == winner ? root : winner;
    parts_.record(std::move(sampled));
    if (failure.empty()) continue;
    if (node == root) {
      parts_.pause("drift",
                   "the baseline fails on the holdout now: " + failure);
      co_return false;
    }
    turn_down(failure);
    co_return true;
  }
  const double before =
      state.measurements().Aggregate(state.race_holdout().at(root));
  const double gain =
      *state.RaceHoldoutGain(winner) * (before == 0 ? 1 : std::abs(before));
  NoiseModel noise = state.noise();
  noise.sigma = state.measurements().HoldoutSigma();
  const double threshold =
      Threshold(state.spec().metric, noise, before, repeats);
  if (gain < -threshold) {
    turn_down(fmt::format("holdout worse: gain {} < -{}", ShareOf(gain, before),
                          ShareOf(threshold, before)));
  }
  co_return true;
}

Task<void> Measurer::Race(int budget) {
  const State& state = parts_.state;
  const AttemptId root(0);
  held_.clear();
  if (state.race().empty()) {
    Json chosen = Json::array();
    for (AttemptId attempt : ChooseRacers()) chosen.push_back(attempt.value());
    Noted note;
    note.kind = "race";
    note.text = DumpCanonical(chosen);
    parts_.record(std::move(note));
  }
  const auto limit = static_cast<std::size_t>(parts_.open_sessions);
  while (!state.race().empty()) {
    const std::vector<Racer> racers = Racers();
    std::vector<double> baseline;
    auto found = state.race_samples().find(root);
    if (found != state.race_samples().end()) baseline = found->second;
    const RaceStep step =
        NextRaceStep(state.spec(), state.noise(), racers, baseline, budget);
    if (step.sample.empty()) {
      const bool held = step.confirmed && state.spec().evaluation.holdout;
      if (held) {
        const bool measured = co_await RaceHoldout(*step.winner);
        if (!measured) co_return;
        if (std::ranges::count(state.race(), *step.winner) == 0) continue;
      }
      Final final;
      for (const Racer& racer : racers) {
        final.finalists.push_back({racer.node, racer.fresh});
      }
      final.finalists.push_back({root, baseline});
      final.winner = step.winner.value_or(root);
      final.gain = step.gain;
      final.sigma = state.noise().sigma;
      final.confirmed = step.confirmed;
      final.word = step.word;
      if (held) final.holdout = state.RaceHoldoutGain(*step.winner);
      if (final.holdout && *final.holdout < final.gain / 2) {
        final.word = "overfit";
      }
      parts_.record(std::move(final));
      held_.clear();
      co_return;
    }
    for (AttemptId attempt : step.sample) {
      if (held_back_) co_return;
      eval::SampleRequest request;
      request.phase = SamplePhase::kFinal;
      request.index = NextIndex(attempt, SamplePhase::kFinal);
      std::optional<eval::Sample> sample =
          co_await MeasureHeld(attempt, limit, request);
      if (!sample) co_return;
      const bool failed = sample->failure.has_value();
      const std::string reason = failed ? Described(*sample->failure) : "";
      Sampled sampled;
      sampled.node = attempt;
      sampled.sample = std::move(*sample);
      parts_.record(std::move(sampled));
      if (failed && attempt == root) {
        parts_.pause("drift", "the baseline fails now: " + reason);
        co_return;
      }
    }
  }
  Final none;  // nobody to race, or every racer failed
  none.winner = root;
  none.word = "none";
  none.sigma = state.noise().sigma;
  parts_.record(std::move(none));
}

}  // namespace coppice::search
