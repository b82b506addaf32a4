#include "study/statistics.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include "base/rng.h"

namespace coppice::study {
namespace {

using doctest::Approx;

TEST_CASE("means, medians and middle halves of small samples") {
  const std::vector<double> values{4, 1, 100, 3, 2};
  CHECK(Mean(values) == 22);
  CHECK(Median(values) == 3);
  CHECK(Median(std::vector<double>{4, 1, 3, 2}) == 2.5);
  CHECK(InterquartileMean(std::vector<double>{9, 1, 3, 2}) == 2.5);
  // 1.25 to 3.75: three quarters of 2, all of 3, three quarters of 4.
  CHECK(InterquartileMean(values) == Approx(3));
  CHECK(InterquartileMean(std::vector<double>{7}) == Approx(7));
  CHECK(Deviation(std::vector<double>{2, 4, 4, 4, 5, 5, 7, 9}) ==
        Approx(std::sqrt(32. / 7)));
  CHECK(Deviation(std::vector<double>{5}) == 0);
}

TEST_CASE("an interval of the mean holds the mean in 95 of 100 studies") {
  for (const int seeds : {3, 5, 10, 30}) {
    CAPTURE(seeds);
    int held = 0;
    constexpr int kStudies = 2000;
    for (int study = 0; study < kStudies; ++study) {
      Rng rng = Rng::Stream(7, study, "study");
      std::vector<double> values(static_cast<std::size_t>(seeds));
      for (double& value : values) value = 1 + rng.Normal();
      held += MeanInterval(values, 1, 200).Covers(1) ? 1 : 0;
    }
    CHECK(held >= .94 * kStudies);
    CHECK(held <= .98 * kStudies);
  }
}

TEST_CASE("three seeds that agree in sign do not decide by that alone") {
  const std::vector<double> zero(3);
  CHECK_FALSE(Compare(std::vector<double>{1, 2, 4}, zero).Decided());
  CHECK(Compare(std::vector<double>{2, 2.1, 2.2}, zero).Decided());
  CHECK_FALSE(
      Compare(std::vector<double>{5}, std::vector<double>{1}).Decided());
  CHECK_FALSE(Compare(zero, zero).Decided());
}

TEST_CASE("pairs are matched by seed, so that what they share cancels out") {
  std::vector<double> a;
  std::vector<double> b;
  Rng rng(3);
  for (int seed = 0; seed < 20; ++seed) {
    const double luck = 10 * rng.Normal();
    a.push_back(luck + .5 + .1 * rng.Normal());
    b.push_back(luck);
  }
  const PairedDifference paired = Compare(a, b);
  CHECK(paired.Decided());
  CHECK(paired.mean == Approx(.5).epsilon(.2));
  CHECK(paired.wins == 20);
  CHECK(paired.sign_p == Approx(2 * std::pow(.5, 20)));
  const PairedDifference other_way = Compare(b, a);
  CHECK(other_way.mean == -paired.mean);
  CHECK(other_way.losses == 20);
  // Same seed, same interval.
  CHECK(Compare(a, b).interval.low == paired.interval.low);
}

TEST_CASE("the sign test is exact") {
  CHECK(SignTest(0, 0) == 1);
  CHECK(SignTest(3, 0) == Approx(.25));
  CHECK(SignTest(0, 5) == Approx(.0625));
  CHECK(SignTest(8, 2) == Approx(2 * 56. / 1024));
  CHECK(SignTest(5, 5) == 1);
}

TEST_CASE("Holm raises every p, the least most, and keeps their order") {
  const std::vector<double> adjusted =
      Holm(std::vector<double>{.04, .01, .03, .9});
  CHECK(adjusted[1] == Approx(.04));
  CHECK(adjusted[2] == Approx(.09));
  CHECK(adjusted[0] == Approx(.09));  // .08, but not below the one before
  CHECK(adjusted[3] == Approx(.9));
}

TEST_CASE("a share's interval is neither empty at 0 nor beyond 1") {
  const Interval none = ShareInterval(0, 20);
  CHECK(none.low == 0);
  CHECK(none.high == Approx(.161).epsilon(.01));
  CHECK(ShareInterval(20, 20).high == 1);
  const Interval half = ShareInterval(50, 100);
  CHECK(half.low == Approx(.404).epsilon(.01));
  CHECK(half.high == Approx(.596).epsilon(.01));
}

TEST_CASE("the forecast of seeds finds the difference it promises to find") {
  for (const double difference : {.5, .8, 1.5}) {
    CAPTURE(difference);
    const int seeds = SeedsNeeded(difference, 1).value();
    int found = 0;
    constexpr int kStudies = 2000;
    for (int study = 0; study < kStudies; ++study) {
      Rng rng = Rng::Stream(11, study, "power");
      std::vector<double> values(static_cast<std::size_t>(seeds));
      for (double& value : values) value = difference + rng.Normal();
      found += MeanInterval(values, 1, 100).low > 0 ? 1 : 0;
    }
    CHECK(found / static_cast<double>(kStudies) == Approx(.8).epsilon(.06));
    CHECK(SmallestDifference(seeds, 1).value() <= difference);
    CHECK(SmallestDifference(seeds - 1, 1).value() > difference);
  }
  CHECK_FALSE(SeedsNeeded(0, 1).has_value());
  CHECK(SeedsNeeded(-.5, 1) == SeedsNeeded(.5, 1));
  CHECK_FALSE(SmallestDifference(1, 1).has_value());
}

// The mean over all subsets of k, the one that looks best taken from each.
double OverSubsets(const std::vector<ChainResult>& chains, std::size_t k) {
  long double sum = 0;  // of 184,756 terms: double's own error nears 1e-12
  int count = 0;
  for (std::uint32_t subset = 0; subset < 1U << chains.size(); ++subset) {
    if (std::popcount(subset) != static_cast<int>(k)) continue;
    const ChainResult* best = nullptr;
    for (std::size_t i = 0; i < chains.size(); ++i) {
      if ((subset >> i & 1U) == 0) continue;
      if (!best || chains[i].observed > best->observed) best = &chains[i];
    }
    sum += best->worth;
    ++count;
  }
  return static_cast<double>(sum / count);
}

TEST_CASE("the best of K chains is estimated as over all subsets (SC-18)") {
  std::vector<ChainResult> chains(20);
  Rng rng(5);
  for (ChainResult& chain : chains) {
    chain.worth = rng.Uniform();
    chain.observed = chain.worth + .2 * rng.Normal();
  }
  for (std::size_t k = 1; k <= chains.size(); ++k) {
    CAPTURE(k);
    CHECK(std::abs(BestOf(chains, k) - OverSubsets(chains, k)) <= 1e-12);
  }
}

TEST_CASE("of chains that look alike each is as likely taken") {
  std::vector<ChainResult> chains{{1, 4}, {1, 2}, {0, 10}, {1, 0}};
  CHECK(BestOf(chains, 4) == Approx(2));
  CHECK(BestOf(chains, 1) == Approx(4));
  // Of the six pairs three hold the low one, which is then not taken.
  CHECK(BestOf(chains, 2) == Approx(2));
  std::ranges::reverse(chains);
  CHECK(BestOf(chains, 3) == Approx(2));
}

TEST_CASE("the best of K of many chains stays finite and rises with K") {
  std::vector<ChainResult> chains;
  for (int i = 0; i < 5000; ++i) {
    chains.push_back({.observed = double(i), .worth = double(i)});
  }
  double last = -1;
  for (const std::size_t k : {1UL, 2UL, 50UL, 2500UL, 4999UL, 5000UL}) {
    const double best = BestOf(chains, k);
    // Of 0 ... M-1: k (M + 1) / (k + 1) - 1.
    const auto n = static_cast<double>(k);
    CHECK(best == Approx(n * 5001 / (n + 1) - 1).epsilon(1e-9));
    CHECK(best > last);
    last = best;
  }
}

TEST_CASE("a curve holds each value until the next step") {
  const std::vector<Step> curve{{1, 10}, {3, 20}, {4, 40}};
  CHECK(ValueAt(curve, 0) == 10);
  CHECK(ValueAt(curve, 2.9) == 10);
  CHECK(ValueAt(curve, 3) == 20);
  CHECK(ValueAt(curve, 9) == 40);
  CHECK(AreaUnder(curve, 1, 5) == Approx((20 + 20 + 40) / 4.));
  CHECK(AreaUnder(curve, 2, 3) == 10);
  CHECK(AreaUnder(curve, 3.5, 4.5) == 30);
  CHECK(AreaUnder(curve, 8, 9) == 40);
}

TEST_CASE("a bootstrap resamples whole units, not single values") {
  // Two units of two equal values each: a resample's mean is 0, .5 or 1.
  const std::vector<double> units{0, 1};
  const Interval interval = BootstrapInterval(
      2,
      [&](std::span<const std::size_t> drawn) {
        REQUIRE(drawn.size() == 2);
        return (units[drawn[0]] + units[drawn[1]]) / 2;
      },
      1, 1000);
  CHECK(interval.low == 0);
  CHECK(interval.high == 1);
}

}  // namespace
}  // namespace coppice::study
