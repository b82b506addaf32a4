#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "base/rng.h"
#include "search/decide.h"

namespace coppice::search {
namespace {

constexpr AttemptId kRoot(0);
constexpr NoiseModel kExact{.sigma = 0, .relative = true, .repeats = 1};
constexpr NoiseModel kNoisy{.sigma = 0.01, .relative = true, .repeats = 5};
constexpr int kExtension = 20;  // 2R rounds of winner and baseline

spec::Spec Minimize() {
  spec::Spec spec;
  spec.metric.name = "seconds";
  return spec;
}

// Nodes 1, 2, ... with these values before the race; node n changed n lines.
std::vector<Racer> Field(const std::vector<double>& values) {
  std::vector<Racer> racers;
  for (double value : values) {
    const int n = static_cast<int>(racers.size()) + 1;
    racers.push_back({.node = AttemptId(n), .value = value, .lines = n});
  }
  return racers;
}

struct Raced {
  RaceStep end;
  std::map<AttemptId, int> samples;
  std::vector<std::vector<AttemptId>> rounds;
  int total = 0;
};

// Races to the end; every sample of a node is its value in `fresh`.
Raced Race(const spec::Spec& spec, const NoiseModel& noise,
           std::vector<Racer> racers, const std::vector<double>& fresh,
           int budget) {
  Raced raced;
  std::vector<double> baseline;
  while (true) {
    RaceStep step = NextRaceStep(spec, noise, racers, baseline, budget);
    if (step.sample.empty()) {
      raced.end = std::move(step);
      return raced;
    }
    raced.rounds.push_back(step.sample);
    for (AttemptId node : step.sample) {
      ++raced.samples[node];
      ++raced.total;
      const double x = fresh[static_cast<std::size_t>(node.value())];
      if (node == kRoot) {
        baseline.push_back(x);
      } else {
        std::ranges::find(racers, node, &Racer::node)->fresh.push_back(x);
      }
    }
    REQUIRE(raced.rounds.size() < 1000);
  }
}

TEST_CASE("without racers the baseline has won and nothing is sampled") {
  const RaceStep step = NextRaceStep(Minimize(), kNoisy, {}, {}, 30);
  CHECK(step.sample.empty());
  CHECK(step.winner == kRoot);
  CHECK_FALSE(step.confirmed);
}

TEST_CASE("where nothing is noisy one sample each is enough") {
  const Raced raced =
      Race(Minimize(), kExact, Field({90, 80, 95}), {100, 90, 80, 95}, 1000);
  CHECK(raced.total == 4);
  CHECK(raced.end.winner == AttemptId(2));
  CHECK(raced.end.confirmed);
  CHECK(raced.end.gain == doctest::Approx(0.2));
  CHECK(raced.end.word == "high");
  CHECK(raced.end.reason == "gain 20% > threshold 0% over 1 fresh sample each");
}

TEST_CASE("the field is halved from rung to rung and the last two get 2R") {
  const Raced raced =
      Race(Minimize(), kNoisy, Field({91, 92, 93, 94, 95, 96, 97, 98}),
           {100, 98, 97, 96, 95, 94, 93, 92, 80}, 0);
  CHECK(raced.end.winner == AttemptId(8));
  CHECK(raced.samples.at(kRoot) == 10);
  CHECK(raced.samples.at(AttemptId(8)) == 10);
  CHECK(raced.samples.at(AttemptId(7)) == 10);
  CHECK(raced.samples.at(AttemptId(6)) == 2);
  CHECK(raced.samples.at(AttemptId(5)) == 2);
  for (int n = 1; n <= 4; ++n) CHECK(raced.samples.at(AttemptId(n)) == 1);
  CHECK(raced.total == SmallestRace(8, kNoisy) - kExtension);
  CHECK(raced.end.reason ==
        "gain 20% > threshold 1.9% over 10 fresh samples each");
}

TEST_CASE("a larger budget goes evenly over the rungs and is not exceeded") {
  for (int budget : {60, 200, 999}) {
    const Raced raced =
        Race(Minimize(), kNoisy, Field({91, 92, 93, 94, 95, 96, 97, 98}),
             {100, 91, 92, 93, 94, 95, 96, 97, 98}, budget);
    CAPTURE(budget);
    CHECK(raced.total <= budget);
    CHECK(raced.total > budget / 2);
  }
}

TEST_CASE("rounds hold the baseline too, in an order drawn by the seed") {
  spec::Spec spec = Minimize();
  std::map<AttemptId, int> first;
  for (int seed = 0; seed < 60; ++seed) {
    spec.search.seed = seed;
    const Raced raced = Race(spec, kNoisy, Field({91, 92}), {100, 91, 92}, 0);
    REQUIRE(raced.rounds.size() == 10);
    for (const std::vector<AttemptId>& round : raced.rounds) {
      std::vector<AttemptId> all = round;
      std::ranges::sort(all);
      CHECK(all == std::vector<AttemptId>{kRoot, AttemptId(1), AttemptId(2)});
      ++first[round.front()];
    }
  }
  for (const auto& [node, count] : first) CHECK(std::abs(count - 200) < 50);
}

TEST_CASE("fields of every size end with a winner") {
  for (int n = 1; n <= 20; ++n) {
    CAPTURE(n);
    std::vector<double> values(static_cast<std::size_t>(n), 90.0);
    std::vector<double> fresh(static_cast<std::size_t>(n) + 1, 90.0);
    fresh[0] = 100;
    const Raced raced = Race(Minimize(), kNoisy, Field(values), fresh, 0);
    CHECK(raced.end.confirmed);
    CHECK(raced.samples.at(*raced.end.winner) == 10);
    CHECK(raced.total == SmallestRace(n, kNoisy) - kExtension);
  }
}

TEST_CASE("of those that cannot be told apart the simplest wins") {
  // τ(10) = 1.9 % of the top: node 2 is within, node 3 is not.
  auto winner = [](std::vector<Racer> field) {
    return Race(Minimize(), kNoisy, std::move(field), {100, 80, 81}, 0)
        .end.winner;
  };
  std::vector<Racer> field = Field({80, 81});
  CHECK(winner(field) == AttemptId(1));
  field[0].lines = 3;
  CHECK(winner(field) == AttemptId(2));
  field[0].lines = 2;
  field[0].net_deleted = -1;
  CHECK(winner(field) == AttemptId(2));
  field[0].net_deleted = 1;
  CHECK(winner(field) == AttemptId(1));
  field[0].net_deleted = 0;
  CHECK(winner(field) == AttemptId(1));
  const Raced apart =
      Race(Minimize(), kNoisy, {field[1], field[0]}, {100, 83, 80}, 0);
  CHECK(apart.end.winner == AttemptId(2));
}

TEST_CASE(
    "equal values in an exact race go to the simplest of the whole field") {
  std::vector<Racer> field = Field({80, 80, 80, 80, 80, 80, 80, 80});
  field[6].lines = 0;
  const Raced raced =
      Race(Minimize(), kExact, field, {100, 80, 80, 80, 80, 80, 80, 80, 80}, 0);
  CHECK(raced.end.winner == AttemptId(7));
}

TEST_CASE("a gain within the threshold is no improvement, and has its word") {
  struct {
    double value;
    bool confirmed;
    const char* word;
  } const rows[] = {{97, true, "high"},
                    {100, false, "noise"},
                    {100.5, false, "noise"},
                    {101.5, false, "moderate"},
                    {105, false, "high"}};
  for (const auto& row : rows) {
    CAPTURE(row.value);
    for (const int sign : {1, -1}) {
      spec::Spec spec = Minimize();
      if (sign < 0) spec.metric.direction = spec::Direction::kMaximize;
      const Raced raced = Race(spec, kNoisy, Field({sign * row.value}),
                               {sign * 100.0, sign * row.value}, 0);
      CHECK(raced.end.winner == AttemptId(1));
      CHECK(raced.end.confirmed == row.confirmed);
      CHECK(raced.end.word == row.word);
      CHECK(raced.end.gain == doctest::Approx((100 - row.value) / 100));
      CHECK(raced.end.reason.starts_with("no improvement: ") != row.confirmed);
    }
  }
}

// A winner whose samples lie 0.9 below the baseline's, but for one in `every`,
// which lies `against` above.
Raced RaceFor(const spec::Spec& spec, const NoiseModel& noise,
              std::size_t every, double against) {
  std::vector<Racer> racers = Field({90});
  std::vector<double> baseline;
  Raced raced;
  while (true) {
    RaceStep step = NextRaceStep(spec, noise, racers, baseline, 0);
    if (step.sample.empty()) {
      raced.end = std::move(step);
      return raced;
    }
    raced.rounds.push_back(step.sample);
    for (AttemptId node : step.sample) {
      if (node == kRoot) {
        baseline.push_back(100);
      } else {
        const bool worse = racers[0].fresh.size() % every == every - 1;
        racers[0].fresh.push_back(worse ? 100 + against : 99.1);
      }
    }
  }
}

TEST_CASE("a winner below the threshold meets the baseline while promising") {
  const Raced proven = RaceFor(Minimize(), kNoisy, 100, 0);
  CHECK(proven.end.confirmed);
  CHECK(proven.end.word == "moderate");
  CHECK(proven.rounds.size() == 10);
  CHECK(proven.end.reason ==
        "gain 0.9% <= threshold 1.9% over 10 fresh samples each, proven by "
        "their order: signed-rank p 0.00098");

  const Raced longer = RaceFor(Minimize(), kNoisy, 4, 0.3);
  CHECK(longer.end.confirmed);
  CHECK(longer.rounds.size() == 15);

  const Raced never = RaceFor(Minimize(), kNoisy, 2, 0.3);
  CHECK_FALSE(never.end.confirmed);
  CHECK(never.rounds.size() == 20);

  const Raced hopeless = RaceFor(Minimize(), kNoisy, 3, 2);
  CHECK_FALSE(hopeless.end.confirmed);
  CHECK(hopeless.rounds.size() == 10);

  // What is not worth keeping is no improvement, however sure.
  spec::Spec spec = Minimize();
  spec.metric.min_improvement = {.kind = spec::MinImprovement::Kind::kAbsolute,
                                 .value = 1};
  CHECK_FALSE(RaceFor(spec, kNoisy, 100, 0).end.confirmed);
  NoiseModel once = kNoisy;
  once.repeats = 1;
  CHECK(RaceFor(Minimize(), once, 100, 0).rounds.size() == 2);
}

TEST_CASE("who has gone on to meet the baseline stays the winner") {
  std::vector<Racer> racers = Field({90, 90});
  std::vector<double> baseline(12, 100);
  racers[0].fresh.assign(10, 99);
  racers[1].fresh.assign(12, 99.1);
  RaceStep step = NextRaceStep(Minimize(), kNoisy, racers, baseline, 0);
  REQUIRE(step.sample.size() == 2);
  CHECK(std::ranges::count(step.sample, AttemptId(2)) == 1);
  // If it fails now, the other is judged by what it has.
  step =
      NextRaceStep(Minimize(), kNoisy, std::span(racers).first(1), baseline, 0);
  CHECK(step.sample.empty());
  CHECK(step.winner == AttemptId(1));
}

TEST_CASE("a race cut anywhere goes on to the same end") {
  Rng rng(3);
  for (int round = 0; round < 50; ++round) {
    std::vector<Racer> whole;
    for (int n = 1; n <= 8; ++n) {
      whole.push_back({.node = AttemptId(n), .value = 95 + rng.Normal()});
    }
    auto draw = [&](AttemptId node, std::size_t sample) {
      const auto seed = static_cast<std::uint64_t>(round * 100 + node.value());
      Rng own = Rng::Stream(seed, static_cast<std::int64_t>(sample), "race");
      return 96 + own.Normal();
    };
    // One sample at a time, the step computed anew each time and followed only
    // for its first, its last, or any of its nodes.
    std::optional<AttemptId> first;
    for (int order = 0; order < 3; ++order) {
      std::vector<Racer> racers = whole;
      std::vector<double> baseline;
      while (true) {
        const RaceStep step =
            NextRaceStep(Minimize(), kNoisy, racers, baseline, 60);
        if (step.sample.empty()) {
          if (!first) first = step.winner;
          CHECK(step.winner == first);
          break;
        }
        const std::size_t pick = order == 0   ? 0
                                 : order == 1 ? step.sample.size() - 1
                                              : rng.Below(step.sample.size());
        const AttemptId node = step.sample[pick];
        auto racer = std::ranges::find(racers, node, &Racer::node);
        std::vector<double>& to = node == kRoot ? baseline : racer->fresh;
        to.push_back(draw(node, to.size()));
      }
    }
  }
}

}  // namespace
}  // namespace coppice::search
