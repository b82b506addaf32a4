#include "search/decide_power.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

// A candidate is found if its screen sample beats the best by more than the
// noise and if its pairs then prove it. The first is the narrower gate: from
// three repeats on more of them help little, because a contender gets as many
// pairs as it takes anyway. So there is a gain below which only samples of
// less noise help, and no number of repeats.

namespace coppice::search {
namespace {

constexpr std::array kGains{0.5, 1.0, 1.5, 2.0, 2.5,  3.0,  3.5,
                            4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 16.0};

struct Curve {
  int repeats = 1;
  std::array<double, kGains.size()> power;
};

// `coppice_bench_noise --power`: 10,000 searches a figure.
constexpr std::array kCurves{
    Curve{1,
          {.004, .011, .026, .048, .079, .126, .181, .245, .376, .510, .735,
           .878, .951, .994}},
    Curve{
        2,
        {.005, .056, .257, .562, .779, .901, .957, .985, .998, 1, 1, 1, 1, 1}},
    Curve{
        3,
        {.009, .127, .436, .691, .843, .928, .968, .989, .998, 1, 1, 1, 1, 1}},
    Curve{
        5,
        {.019, .229, .512, .721, .856, .932, .971, .990, .998, 1, 1, 1, 1, 1}},
    Curve{
        10,
        {.029, .283, .547, .731, .857, .934, .970, .990, .999, 1, 1, 1, 1, 1}},
};

double PowerOf(const Curve& curve, double gain) {
  if (gain <= 0) return 0;
  double before = 0;
  double lost = 0;
  for (std::size_t i = 0; i < kGains.size(); ++i) {
    if (gain <= kGains[i]) {
      return std::lerp(lost, curve.power[i],
                       (gain - before) / (kGains[i] - before));
    }
    before = kGains[i];
    lost = curve.power[i];
  }
  return curve.power.back();
}

// The first x in [0, high] where a rising f reaches y.
template <class F>
double Solve(F f, double y, double high) {
  double low = 0;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (f(middle) < y ? low : high) = middle;
  }
  return high;
}

// The deviations that a gain has to stand above a bound for its estimate to
// exceed it with this probability.
double Quantile(double probability) {
  auto normal = [](double z) {
    return 0.5 * std::erfc(-(z - 5) / std::numbers::sqrt2);
  };
  return Solve(normal, probability, 10) - 5;
}

// Deviation of the difference of two medians of R samples, in σ.
double DeviationOf(int repeats) {
  const double median = repeats < 3 ? 1 : std::sqrt(std::numbers::pi / 2);
  return median * std::numbers::sqrt2 / std::sqrt(std::max(1, repeats));
}

}  // namespace

double DetectionPower(int repeats, double gain) {
  if (repeats <= kCurves.front().repeats) return PowerOf(kCurves.front(), gain);
  for (std::size_t i = 1; i < kCurves.size(); ++i) {
    const Curve& lower = kCurves[i - 1];
    const Curve& upper = kCurves[i];
    if (repeats > upper.repeats) continue;
    const double share = std::log(1.0 * repeats / lower.repeats) /
                         std::log(1.0 * upper.repeats / lower.repeats);
    return std::lerp(PowerOf(lower, gain), PowerOf(upper, gain), share);
  }
  return PowerOf(kCurves.back(), gain);
}

double MinimalDetectableEffect(const spec::Metric& metric,
                               const NoiseModel& noise, double best,
                               double power) {
  const double effect = Effect(metric, noise, best);
  const double deviation = noise.Noise(best);
  if (deviation == 0) return effect;
  power = std::clamp(power, 0.5, 0.99);
  const double in_sigma =
      Solve([&](double gain) { return DetectionPower(noise.repeats, gain); },
            power, kGains.back());
  const double above =
      effect + Quantile(power) * DeviationOf(noise.repeats) * deviation;
  return std::max(in_sigma * deviation, above);
}

std::optional<int> RepeatsToDetect(const spec::Metric& metric,
                                   const NoiseModel& noise, double best,
                                   double effect, double power) {
  constexpr int kMost = 100;
  for (int repeats = 1; repeats <= kMost; ++repeats) {
    NoiseModel model = noise;
    model.repeats = repeats;
    if (MinimalDetectableEffect(metric, model, best, power) <= effect) {
      return repeats;
    }
  }
  return std::nullopt;
}

std::string SensitivityText(const spec::Metric& metric, const NoiseModel& noise,
                            double best) {
  auto gain = [&](double power) {
    return ShareOf(MinimalDetectableEffect(metric, noise, best, power), best);
  };
  if (noise.Noise(best) == 0) {
    return fmt::format("every gain above {} is seen",
                       ShareOf(Effect(metric, noise, best), best));
  }
  return fmt::format(
      "gains of {} are found in 8 of 10 cases with {} repeat{}, gains of {} in "
      "5 of 10",
      gain(0.8), noise.repeats, noise.repeats == 1 ? "" : "s", gain(0.5));
}

}  // namespace coppice::search
