#include "search/decide_power.h"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "support/noisy_run.h"

namespace coppice::search {
namespace {

constexpr NoiseModel kNoisy{.sigma = 0.01, .relative = true, .repeats = 5};

spec::Metric Metric() {
  spec::Metric metric;
  metric.name = "seconds";
  metric.min_improvement = {.kind = spec::MinImprovement::Kind::kAbsolute,
                            .value = 0};
  return metric;
}

// The share found by the rule itself, after twenty candidates without a gain.
double Found(int repeats, double gain, double min_improvement, int runs) {
  int found = 0;
  for (int i = 0; i < runs; ++i) {
    testing::NoisyRun run;
    run.seed = 70'000 + static_cast<std::uint64_t>(i);
    run.gains.assign(20, 0.0);
    run.gains.push_back(gain);
    run.repeats = repeats;
    run.min_improvement = min_improvement;
    run.final = false;
    found += testing::Run(run).best_true == gain ? 1 : 0;
  }
  return static_cast<double>(found) / runs;
}

TEST_CASE("the stated power is that of the rule") {
  struct {
    int repeats;
    double gain;
  } const rows[] = {{1, 4}, {1, 6}, {2, 2}, {3, 1.5}, {5, 1},
                    {5, 2}, {5, 3}, {7, 2}, {10, 1},  {30, 2}};
  for (const auto& row : rows) {
    CAPTURE(row.repeats);
    CAPTURE(row.gain);
    CHECK(std::abs(Found(row.repeats, row.gain, 0, 600) -
                   DetectionPower(row.repeats, row.gain)) <= 0.06);
  }
}

TEST_CASE("more gain and more repeats are found oftener") {
  for (int repeats = 1; repeats <= 60; ++repeats) {
    double before = 0;
    for (double gain = 0; gain <= 20; gain += 0.1) {
      const double power = DetectionPower(repeats, gain);
      CHECK(power >= before);
      CHECK(power <= 1);
      CHECK(DetectionPower(repeats + 1, gain) >= power - 0.002);
      before = power;
    }
    CHECK(before >= 0.99);
  }
  CHECK(DetectionPower(5, 0) == 0);
}

TEST_CASE("the smallest gain seen is the one found with the power asked for") {
  for (const int repeats : {1, 2, 5, 10}) {
    NoiseModel noise = kNoisy;
    noise.repeats = repeats;
    for (const double power : {0.5, 0.8, 0.9}) {
      const double seen = MinimalDetectableEffect(Metric(), noise, -50, power);
      CHECK(DetectionPower(repeats, seen / 0.5) == doctest::Approx(power));
    }
  }
  CHECK(MinimalDetectableEffect(Metric(), kNoisy, 100) ==
        doctest::Approx(2.3).epsilon(0.02));
  NoiseModel exact = kNoisy;
  exact.sigma = 0;
  CHECK(MinimalDetectableEffect(Metric(), exact, 100) == 0);
}

TEST_CASE("a smallest gain worth keeping leaves what is safely above it") {
  spec::Metric metric = Metric();
  metric.min_improvement.value = 5;
  const double seen = MinimalDetectableEffect(metric, kNoisy, 100);
  CHECK(seen > 5.5);
  CHECK(seen < 6);
  CHECK(std::abs(Found(5, seen, 5, 400) - 0.8) <= 0.07);
}

TEST_CASE("repeats help until the screen alone hides a gain") {
  CHECK(RepeatsToDetect(Metric(), kNoisy, 100, 10) == 1);
  CHECK(RepeatsToDetect(Metric(), kNoisy, 100, 3) == 2);
  CHECK(RepeatsToDetect(Metric(), kNoisy, 100, 2.4) == 3);
  CHECK_FALSE(RepeatsToDetect(Metric(), kNoisy, 100, 1.5));
  const auto half = RepeatsToDetect(Metric(), kNoisy, 100, 1.55, 0.5);
  REQUIRE(half.has_value());
  CHECK(*half == 4);
}

TEST_CASE("what an evaluator sees is said in one line") {
  CHECK(SensitivityText(Metric(), kNoisy, 100) ==
        "gains of 2.29% are found in 8 of 10 cases with 5 repeats, gains of "
        "1.48% in 5 of 10");
  NoiseModel exact = kNoisy;
  exact.sigma = 0;
  CHECK(SensitivityText(Metric(), exact, 100) == "every gain above 0% is seen");
}

}  // namespace
}  // namespace coppice::search
