#include "study/statistics.h"

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <utility>

#include "base/rng.h"

// Intervals. A percentile bootstrap (Efron 1979) follows the skew of the
// values, but never leaves their range: three seeds that happen to agree in
// sign would always "decide", one time in four without any difference. So
// neither end is nearer to the mean than that of Student's interval, which is
// exact for normal values however few they are.
//
// Seeds. n pairs find a difference d with deviation s when
// d >= (t(1-α/2, n-1) + t(power, n-1)) · s / √n; the quantiles are Student's,
// which matters below 20 pairs.

namespace coppice::study {
namespace {

constexpr double kTail = .025;  // of 95 %, on either side

double StudentQuantile(double p, double degrees) {
  return boost::math::quantile(boost::math::students_t(degrees), p);
}

// The two ends of the middle 95 % of what was resampled.
Interval Percentiles(std::vector<double> drawn) {
  const auto end = [&](double p) {
    const double at = p * static_cast<double>(drawn.size() - 1);
    const auto nth = drawn.begin() + std::lround(at);
    std::ranges::nth_element(drawn, nth);
    return *nth;
  };
  const double low = end(kTail);
  return {low, end(1 - kTail)};
}

// In units of the deviation.
double SmallestShift(int seeds, double power) {
  const double degrees = seeds - 1;
  return (StudentQuantile(1 - kTail, degrees) +
          StudentQuantile(power, degrees)) /
         std::sqrt(static_cast<double>(seeds));
}

}  // namespace

double Mean(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.) /
         static_cast<double>(values.size());
}

double Median(std::span<const double> values) {
  std::vector<double> sorted(values.begin(), values.end());
  std::ranges::sort(sorted);
  const std::size_t half = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[half]
                                : (sorted[half - 1] + sorted[half]) / 2;
}

double InterquartileMean(std::span<const double> values) {
  std::vector<double> sorted(values.begin(), values.end());
  std::ranges::sort(sorted);
  const double quarter = static_cast<double>(sorted.size()) / 4;
  double sum = 0;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    // The part of [i, i + 1] within [quarter, 3 quarter].
    const auto at = static_cast<double>(i);
    const double part = std::min(at + 1, 3 * quarter) - std::max(at, quarter);
    sum += std::max(0., part) * sorted[i];
  }
  return sum / (2 * quarter);
}

double Deviation(std::span<const double> values) {
  if (values.size() < 2) return 0;
  const double mean = Mean(values);
  double squares = 0;
  for (double value : values) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

Interval BootstrapInterval(
    std::size_t count,
    const std::function<double(std::span<const std::size_t>)>& statistic,
    std::uint64_t seed, int resamples) {
  Rng rng = Rng::Stream(seed, 0, "bootstrap");
  std::vector<double> drawn(static_cast<std::size_t>(resamples));
  std::vector<std::size_t> units(count);
  for (double& value : drawn) {
    for (std::size_t& unit : units) unit = rng.Below(count);
    value = statistic(units);
  }
  return Percentiles(std::move(drawn));
}

Interval MeanInterval(std::span<const double> values, std::uint64_t seed,
                      int resamples) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (values.size() < 2) return {-kInfinity, kInfinity};
  const auto count = static_cast<double>(values.size());
  const double half = StudentQuantile(1 - kTail, count - 1) *
                      Deviation(values) / std::sqrt(count);
  const double mean = Mean(values);
  const Interval drawn = BootstrapInterval(
      values.size(),
      [values](std::span<const std::size_t> units) {
        double sum = 0;
        for (std::size_t unit : units) sum += values[unit];
        return sum / static_cast<double>(units.size());
      },
      seed, resamples);
  return {std::min(mean - half, drawn.low), std::max(mean + half, drawn.high)};
}

Interval ShareInterval(std::size_t hits, std::size_t count) {
  if (count == 0) return {0, 1};
  const double z = boost::math::quantile(boost::math::normal(), 1 - kTail);
  const auto n = static_cast<double>(count);
  const double share = static_cast<double>(hits) / n;
  const double middle = share + z * z / (2 * n);
  const double half =
      z * std::sqrt(share * (1 - share) / n + z * z / (4 * n * n));
  const double scale = 1 + z * z / n;
  return {std::max(0., (middle - half) / scale),
          std::min(1., (middle + half) / scale)};
}

double SignTest(int wins, int losses) {
  const int count = wins + losses;
  if (count == 0) return 1;
  const boost::math::binomial fair(count, .5);
  return std::min(1., 2 * boost::math::cdf(fair, std::min(wins, losses)));
}

std::vector<double> Holm(std::span<const double> p) {
  std::vector<std::pair<double, std::size_t>> order;
  for (std::size_t i = 0; i < p.size(); ++i) order.emplace_back(p[i], i);
  std::ranges::sort(order);
  std::vector<double> adjusted(p.size());
  double most = 0;
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    const auto [value, i] = order[rank];
    const auto left = static_cast<double>(p.size() - rank);
    most = std::max(most, std::min(1., left * value));
    adjusted[i] = most;
  }
  return adjusted;
}

PairedDifference Compare(std::span<const double> a, std::span<const double> b,
                         std::uint64_t seed, int resamples) {
  PairedDifference result;
  std::vector<double> differences(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    differences[i] = a[i] - b[i];
    if (a[i] > b[i]) ++result.wins;
    if (a[i] < b[i]) ++result.losses;
    if (a[i] == b[i]) ++result.ties;
  }
  result.mean = Mean(differences);
  result.interval = MeanInterval(differences, seed, resamples);
  result.deviation = Deviation(differences);
  result.sign_p = SignTest(result.wins, result.losses);
  return result;
}

std::optional<int> SeedsNeeded(double difference, double deviation,
                               double power) {
  const double shift = std::abs(difference);
  if (shift == 0) return std::nullopt;
  constexpr int kMost = 1'000'000'000;
  int low = 2;
  if (deviation * SmallestShift(low, power) <= shift) return low;
  int high = low;
  while (high < kMost && deviation * SmallestShift(high, power) > shift) {
    low = high;
    high *= 2;
  }
  if (high >= kMost) return std::nullopt;
  while (high - low > 1) {
    const int middle = low + (high - low) / 2;
    (deviation * SmallestShift(middle, power) <= shift ? high : low) = middle;
  }
  return high;
}

std::optional<double> SmallestDifference(int seeds, double deviation,
                                         double power) {
  if (seeds < 2) return std::nullopt;
  return deviation * SmallestShift(seeds, power);
}

// C(i-1, K-1) / C(M, K) is the chance that the i-th lowest is the highest of
// K; from i = M, where it is K/M, each is the one above times (i-K)/(i-1).
double BestOf(std::span<const ChainResult> chains, std::size_t k) {
  std::map<double, std::pair<double, std::size_t>> alike;  // sum, count
  for (const ChainResult& chain : chains) {
    auto& [sum, count] = alike[chain.observed];
    sum += chain.worth;
    ++count;
  }
  const auto picked = static_cast<double>(k);
  auto rank = static_cast<double>(chains.size());
  double chance = picked / rank;
  double expected = 0;
  for (auto it = alike.rbegin(); it != alike.rend() && rank >= picked; ++it) {
    const auto [sum, count] = it->second;
    double taken = 0;
    for (std::size_t i = 0; i < count && rank >= picked; ++i, --rank) {
      taken += chance;
      if (rank > 1) chance *= (rank - picked) / (rank - 1);
    }
    expected += taken * sum / static_cast<double>(count);
  }
  return expected;
}

double ValueAt(std::span<const Step> curve, double x) {
  const auto after = std::ranges::upper_bound(curve, x, {}, &Step::at);
  return after == curve.begin() ? after->value : std::prev(after)->value;
}

double AreaUnder(std::span<const Step> curve, double begin, double end) {
  double area = 0;
  double at = begin;
  double value = ValueAt(curve, begin);
  for (const Step& step : curve) {
    if (step.at <= begin) continue;
    if (step.at >= end) break;
    area += value * (step.at - at);
    at = step.at;
    value = step.value;
  }
  return (area + value * (end - at)) / (end - begin);
}

}  // namespace coppice::study
