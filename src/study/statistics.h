#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

// What is said of searches after all of them were made: means, intervals,
// paired differences, curves. Pure; every random draw comes from a seed.

namespace coppice::study {

struct Interval {
  double low = 0;
  double high = 0;
  bool Covers(double x) const { return low <= x && x <= high; }
};

// Of at least one value.
double Mean(std::span<const double> values);
double Median(std::span<const double> values);
// Mean of the middle half; a value on its border counts in part.
double InterquartileMean(std::span<const double> values);
// Sample deviation (n - 1); 0 of a single value.
double Deviation(std::span<const double> values);

inline constexpr int kResamples = 10'000;

// 95 % interval of the mean: percentile bootstrap, but at either end no
// narrower than Student's t. With a single value it is the whole line.
Interval MeanInterval(std::span<const double> values, std::uint64_t seed = 0,
                      int resamples = kResamples);

// 95 % percentile interval of any statistic of `count` units, which gets the
// indexes of one resample.
Interval BootstrapInterval(
    std::size_t count,
    const std::function<double(std::span<const std::size_t>)>& statistic,
    std::uint64_t seed = 0, int resamples = kResamples);

// 95 % interval of a share (Wilson's score).
Interval ShareInterval(std::size_t hits, std::size_t count);

// Two-sided exact p of as uneven a split of wins and losses; ties are left out
// of both. 1 when there are none.
double SignTest(int wins, int losses);
// Each p raised so that one error among all of them is as unlikely as each
// alone claims (Holm 1979). In the order given.
std::vector<double> Holm(std::span<const double> p);

// Two arms on the same seeds; positive: `a` is better. Values that fall with
// quality are negated by the caller.
struct PairedDifference {
  double mean = 0;
  Interval interval;  // of the mean, 95 %
  double deviation = 0;
  int wins = 0;
  int losses = 0;
  int ties = 0;
  double sign_p = 1;

  // "These seeds cannot tell" when not.
  bool Decided() const { return !interval.Covers(0); }
};
// Of equally many values, at least one, matched by position.
PairedDifference Compare(std::span<const double> a, std::span<const double> b,
                         std::uint64_t seed = 0, int resamples = kResamples);

// Seeds that tell a true difference of `difference` from none, in a share
// `power` of studies, when the differences of pairs deviate so much (two-sided
// 5 %). Nothing when the difference is 0.
std::optional<int> SeedsNeeded(double difference, double deviation,
                               double power = .8);
// The other way round: the smallest difference that so many seeds find. Nothing
// for fewer than two.
std::optional<double> SmallestDifference(int seeds, double deviation,
                                         double power = .8);

// One of M independent chains: what its best looked like, and what it is worth
// when measured afresh.
struct ChainResult {
  double observed = 0;
  double worth = 0;
};
// Expected worth of the best-looking of `k` chains drawn from these without
// replacement (SEARCH.md §4 "Cheap estimator"); 1 <= k <= M. Of chains that
// look alike each is as likely taken.
double BestOf(std::span<const ChainResult> chains, std::size_t k);

// A curve of steps: `value` holds from `at` on. In rising order of `at`.
struct Step {
  double at = 0;
  double value = 0;
};
// The value at x; before the first step, the first step's.
double ValueAt(std::span<const Step> curve, double x);
// Mean height between the two; begin < end.
double AreaUnder(std::span<const Step> curve, double begin, double end);

}  // namespace coppice::study
