#include "search/decide_suspicion.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace coppice::search {
namespace {

constexpr NoiseModel kNoisy{.sigma = 0.01, .relative = true, .repeats = 5};

spec::Spec Timed(const std::string& metric = "seconds") {
  spec::Spec spec;
  spec.metric.name = metric;
  return spec;
}

bool Suspicious(const Decision& decision) {
  return std::ranges::count(decision.flags, "suspicious") > 0;
}

// A contest over a time of about one second, of which the candidate claims to
// need `claims` and needs `takes`; everything around it takes `around`.
Contest Clocked(double claims, double takes, double around = 0.2,
                double jitter = 0.002) {
  Contest contest{.screen = claims, .best_value = 1};
  for (int i = 0; i < 5; ++i) {
    const double off = jitter * (i - 2);
    contest.baseline_clock.push_back({1 + off, 1 + around + off});
    contest.confirm.push_back({claims - off, 1 + off});
    contest.clock.push_back({takes + around - off, 1 + around + off});
  }
  return contest;
}

TEST_CASE("a saving that the outside clock sees is believed") {
  const Decision decision = Decide(Timed(), kNoisy, Clocked(0.7, 0.7));
  CHECK(decision.outcome == Outcome::kImproved);
  CHECK_FALSE(Suspicious(decision));
}

TEST_CASE("a saving that only the program's own clock sees is not (FM-15)") {
  const Decision decision = Decide(Timed(), kNoisy, Clocked(0.7, 1));
  CHECK(decision.outcome == Outcome::kInconclusive);
  CHECK(decision.reason.starts_with(
      "the saving is not seen outside: seconds claims to save 0.3 s a sample"));
  CHECK(Suspicious(decision));
  CHECK(Decide(Timed(), kNoisy, Clocked(0.7, 0.9)).outcome ==
        Outcome::kInconclusive);
  CHECK(Decide(Timed(), kNoisy, Clocked(0.7, 0.8)).outcome ==
        Outcome::kImproved);
}

TEST_CASE("a forged clock is suspected before all pairs are taken") {
  Contest contest = Clocked(0.7, 1);
  contest.confirm.resize(3);
  contest.clock.resize(3);
  const Decision decision = Decide(Timed(), kNoisy, contest);
  CHECK(decision.next == NextMeasurement::kConfirmPair);
  CHECK(Suspicious(decision));
}

TEST_CASE("where an outside clock can tell nothing it is not asked") {
  SUBCASE("the figure explains little of the wall time") {
    CHECK(Decide(Timed(), kNoisy, Clocked(0.7, 1, 5)).outcome ==
          Outcome::kImproved);
  }
  SUBCASE("the metric is no time") {
    CHECK(Decide(Timed("loss"), kNoisy, Clocked(0.7, 1)).outcome ==
          Outcome::kImproved);
  }
  SUBCASE("the clock is noisier than the saving") {
    Contest contest = Clocked(0.95, 1);
    for (std::size_t i = 0; i < contest.clock.size(); ++i) {
      contest.clock[i].candidate += i % 2 == 0 ? 0.2 : -0.2;
    }
    CHECK(Decide(Timed(), kNoisy, contest).outcome == Outcome::kImproved);
  }
}

TEST_CASE("a time in milliseconds is known by its name") {
  auto in = [](double unit) {
    Contest contest = Clocked(0.7, 1);
    *contest.screen *= unit;
    contest.best_value *= unit;
    for (Pair& pair : contest.confirm) {
      pair.candidate *= unit;
      pair.best *= unit;
    }
    for (ClockedSample& sample : contest.baseline_clock) sample.value *= unit;
    return contest;
  };
  CHECK(Decide(Timed("parse_ms"), kNoisy, in(1000)).outcome ==
        Outcome::kInconclusive);
  CHECK(Decide(Timed("parse_us"), kNoisy, in(1e6)).outcome ==
        Outcome::kInconclusive);
}

TEST_CASE("five equal samples of a noisy metric are taken again") {
  Contest contest{.screen = 90, .best_value = 100};
  for (int i = 0; i < 5; ++i) contest.confirm.push_back({90, 99.5 + 0.2 * i});
  const Decision again = Decide(Timed("loss"), kNoisy, contest);
  CHECK(again.next == NextMeasurement::kConfirmPair);
  CHECK(Suspicious(again));

  SUBCASE("and believed if a clean checkout shows the same") {
    for (int i = 0; i < 5; ++i) contest.confirm.push_back({90, 99.5 + 0.2 * i});
    const Decision decision = Decide(Timed("loss"), kNoisy, contest);
    CHECK(decision.outcome == Outcome::kImproved);
    CHECK(Suspicious(decision));
  }
  SUBCASE("and not if it does not") {
    for (int i = 0; i < 5; ++i)
      contest.confirm.push_back({110, 99.5 + 0.2 * i});
    CHECK(Decide(Timed("loss"), kNoisy, contest).outcome ==
          Outcome::kInconclusive);
  }
  SUBCASE("unless the best's are coarse as well") {
    contest.confirm[1].best = contest.confirm[0].best;
    CHECK(Decide(Timed("loss"), kNoisy, contest).outcome == Outcome::kImproved);
  }
}

}  // namespace
}  // namespace coppice::search
