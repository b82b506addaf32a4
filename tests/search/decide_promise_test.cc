#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "search/decide.h"

// Contenders that R pairs show to be better, but by less than the threshold.

namespace coppice::search {
namespace {

// noise(100) = 1, so τ(5) = 6/√5 = 2.68.
constexpr NoiseModel kNoisy{.sigma = 0.01, .relative = true, .repeats = 5};
constexpr NoiseModel kNoisyOnce{.sigma = 0.01, .relative = true, .repeats = 1};

spec::Spec Minimize() {
  spec::Spec spec;
  spec.metric.name = "seconds";
  return spec;
}

Contest Against100(double screen, const std::vector<double>& candidate = {}) {
  Contest contest{.screen = screen, .best_value = 100};
  for (double x : candidate) contest.confirm.push_back({x, 100});
  return contest;
}

// Takes pairs of this gain, in turns with one of another gain, until decided.
Decision Duel(const spec::Spec& spec, Contest& contest, double gain,
              double other) {
  while (true) {
    const Decision d = Decide(spec, kNoisy, contest);
    if (!d.next) return d;
    REQUIRE(d.next == NextMeasurement::kConfirmPair);
    const bool odd = contest.confirm.size() % 4 == 3;
    contest.confirm.push_back({100 - (odd ? other : gain), 100});
    REQUIRE(contest.confirm.size() <= 40);
  }
}

TEST_CASE("a small gain is proven by as many pairs as it takes") {
  Contest contest = Against100(98);
  const Decision d = Duel(Minimize(), contest, 1.2, 1.2);
  CHECK(d.outcome == Outcome::kImproved);
  CHECK(contest.confirm.size() == 15);
  CHECK(d.reason ==
        "improved: 100 -> 98.8 (gain 1.2%: better in 15 of 15 fresh pairs, "
        "signed-rank p 3.1e-05)");

  contest = Against100(98);
  CHECK(Duel(Minimize(), contest, 1.2, -0.8).outcome == Outcome::kImproved);
  CHECK(contest.confirm.size() == 20);
}

TEST_CASE("a contender without promise is given up, at the latest at 40") {
  Contest contest = Against100(98);
  CHECK(Duel(Minimize(), contest, 1, -2).outcome == Outcome::kInconclusive);
  CHECK(contest.confirm.size() == 5);
  NoiseModel noise = kNoisy;
  for (int repeats = 2; repeats <= 60; ++repeats) {
    CAPTURE(repeats);
    noise.repeats = repeats;
    contest = Against100(98);
    Decision d = Decide(Minimize(), noise, contest);
    for (int i = 0; d.next; ++i) {
      const bool odd = i % 4 == 3;
      contest.confirm.push_back({odd ? 100.9 : 99.3, 100});
      d = Decide(Minimize(), noise, contest);
    }
    const auto most =
        static_cast<std::size_t>(std::max(repeats, std::min(8 * repeats, 40)));
    CHECK(contest.confirm.size() <= most);
    CHECK(contest.confirm.size() % static_cast<std::size_t>(repeats) == 0);
  }
}

TEST_CASE("without time R pairs are all, and one repeat stays one") {
  Contest contest = Against100(98, {98, 98, 98, 98, 98});
  contest.more_pairs = false;
  const Decision d = Decide(Minimize(), kNoisy, contest);
  CHECK(d.outcome == Outcome::kInconclusive);
  CHECK(d.reason ==
        "gain 2% <= threshold 2.68% over 5 fresh pairs: promising, but no time "
        "for more pairs");
  // A screen sample that has to be shown once more has no more than that.
  CHECK(Decide(Minimize(), kNoisyOnce, Against100(9, {96})).outcome ==
        Outcome::kInconclusive);
}

TEST_CASE("a gain that is proven must still be worth keeping") {
  using Kind = spec::MinImprovement::Kind;
  spec::Spec spec = Minimize();
  spec.metric.min_improvement = {.kind = Kind::kAbsolute, .value = 1.5};
  Contest contest = Against100(98);
  const Decision d = Duel(spec, contest, 1.2, 1.2);
  CHECK(d.outcome == Outcome::kInconclusive);
  CHECK(d.reason ==
        "gain 1.2% <= min_improvement 1.5%, though better in 15 of 15 fresh "
        "pairs, signed-rank p 3.1e-05");
  // Where the noise is below it, R pairs say whether it is.
  spec.metric.min_improvement.value = 2.8;
  contest = Against100(97);
  CHECK(Duel(spec, contest, 2.7, 2.7).outcome == Outcome::kInconclusive);
  CHECK(contest.confirm.size() == 5);
}

TEST_CASE("the threshold counts at every look, a guard at the last") {
  spec::Spec spec = Minimize();
  Contest contest = Against100(98);
  for (int i = 0; i < 5; ++i) contest.confirm.push_back({98, 100});
  for (int i = 0; i < 4; ++i) contest.confirm.push_back({92, 100});
  CHECK(Decide(spec, kNoisy, contest).next == NextMeasurement::kConfirmPair);
  contest.confirm.push_back({92, 100});
  const Decision d = Decide(spec, kNoisy, contest);
  CHECK(d.reason ==
        "improved: 100 -> 95 (gain 5% > threshold 2.68% over 10 fresh pairs)");
  spec.metric.guards = {{.name = "mb", .max_regression = 0.1}};
  contest.screen_metrics = contest.baseline_numbers = {{"mb", 80}};
  contest.confirm_numbers = {{"mb", 95}};
  CHECK(Decide(spec, kNoisy, contest).reason ==
        "guard mb: 95 <= 88 fails (baseline 80)");
}

}  // namespace
}  // namespace coppice::search
