#include "search/measurements.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "base/rng.h"

namespace coppice::search {
namespace {

constexpr AttemptId kBase(0);

spec::Spec SecondsSpec() {
  spec::Spec spec;
  spec.metric.name = "seconds";
  return spec;
}

eval::Sample Taken(SamplePhase phase, int index, double seconds) {
  eval::Sample sample;
  sample.index = index;
  sample.phase = phase;
  sample.metrics = {{"seconds", seconds}};
  return sample;
}

void AddAll(Measurements& m, AttemptId node, SamplePhase phase,
            std::initializer_list<double> values) {
  int index = 0;
  for (double value : values) m.Add(node, Taken(phase, index++, value));
}

// σ as SPEC §5 states it, from scratch.
double SigmaOf(const std::vector<std::vector<double>>& groups, bool relative) {
  std::vector<double> residuals;
  for (const std::vector<double>& group : groups) {
    const auto n = static_cast<double>(group.size());
    if (n < 3) continue;
    double mean = 0;
    for (double x : group) mean += x / n;
    for (double x : group) {
      residuals.push_back(std::abs(x - mean) * std::sqrt(n / (n - 1)) /
                          (relative ? std::abs(mean) : 1));
    }
  }
  if (residuals.empty()) return 0;
  std::ranges::sort(residuals);
  const std::size_t n = residuals.size();
  return 1.4826 * (residuals[(n - 1) / 2] + residuals[n / 2]) / 2;
}

TEST_CASE("the lucky screen sample drops out of a value once there is more") {
  const spec::Spec spec = SecondsSpec();
  Measurements m(spec);
  CHECK_FALSE(m.Value(AttemptId(7)));
  AddAll(m, AttemptId(7), SamplePhase::kScreen, {1.0});
  CHECK(m.Value(AttemptId(7)) == 1.0);
  AddAll(m, AttemptId(7), SamplePhase::kConfirm, {5, 6, 9});
  CHECK(m.Value(AttemptId(7)) == 6.0);
  AddAll(m, AttemptId(7), SamplePhase::kFinal, {7});
  CHECK(m.Value(AttemptId(7)) == 6.5);
}

TEST_CASE("every sample of the baseline counts but those of the holdout") {
  const spec::Spec spec = SecondsSpec();
  Measurements m(spec);
  AddAll(m, kBase, SamplePhase::kBaseline, {1, 2, 3});
  AddAll(m, kBase, SamplePhase::kConfirm, {10, 11});
  AddAll(m, kBase, SamplePhase::kHoldout, {100, 200, 300});
  AddAll(m, kBase, SamplePhase::kCheck, {1000, 2000, 3000});
  CHECK(m.Value(kBase) == 3.0);
  CHECK(m.Sigma() == doctest::Approx(SigmaOf({{1, 2, 3}}, true)));
  CHECK(m.HoldoutSigma() == doctest::Approx(SigmaOf({{100, 200, 300}}, true)));
}

TEST_CASE("failed samples and samples without the metric are ignored") {
  const spec::Spec spec = SecondsSpec();
  Measurements m(spec);
  eval::Sample failed = Taken(SamplePhase::kScreen, 0, 1.0);
  failed.failure = eval::Failure{.outcome = Outcome::kBuggy};
  m.Add(AttemptId(1), failed);
  eval::Sample nameless = Taken(SamplePhase::kScreen, 1, 1.0);
  nameless.metrics = {{"second", 1.0}};
  m.Add(AttemptId(1), nameless);
  m.Add(AttemptId(1), Taken(SamplePhase::kScreen, 2, std::nan("")));
  CHECK_FALSE(m.Value(AttemptId(1)));
}

TEST_CASE("the same sample again replaces the earlier one") {
  const spec::Spec spec = SecondsSpec();
  Measurements m(spec);
  AddAll(m, kBase, SamplePhase::kBaseline, {4, 5, 6, 7});
  m.Add(kBase, Taken(SamplePhase::kBaseline, 3, 5));
  CHECK(m.Value(kBase) == 5.0);
  CHECK(m.Sigma() == doctest::Approx(SigmaOf({{4, 5, 6, 5}}, true)));
}

TEST_CASE("each aggregation gives of equal samples exactly their value") {
  for (auto how : {spec::Aggregation::kMedian, spec::Aggregation::kMean,
                   spec::Aggregation::kMin, spec::Aggregation::kMax}) {
    CHECK(Aggregate(how, {0.1, 0.1, 0.1, 0.1, 0.1, 0.1}) == 0.1);
  }
  CHECK(Aggregate(spec::Aggregation::kMedian, {9, 1, 4, 2}) == 3);
  CHECK(Aggregate(spec::Aggregation::kMean, {9, 1, 4, 2}) == 4);
  CHECK(Aggregate(spec::Aggregation::kMin, {9, 1, 4, 2}) == 1);
  CHECK(Aggregate(spec::Aggregation::kMax, {9, 1, 4, 2}) == 9);
}

TEST_CASE("noise is relative exactly while all baseline samples share a sign") {
  const spec::Spec spec = SecondsSpec();
  Measurements m(spec);
  AddAll(m, kBase, SamplePhase::kBaseline, {-4, -5, -6});
  CHECK(m.relative());
  CHECK(m.Noise(-10) == doctest::Approx(10 * m.Sigma()));
  m.Add(kBase, Taken(SamplePhase::kCanary, 0, 1));
  CHECK_FALSE(m.relative());
  CHECK(m.Sigma() == doctest::Approx(SigmaOf({{-4, -5, -6}}, false)));
  CHECK(m.Noise(-10) == m.Sigma());
}

TEST_CASE("a baseline of zeros is not relative and has no noise") {
  const spec::Spec spec = SecondsSpec();
  Measurements m(spec);
  AddAll(m, kBase, SamplePhase::kBaseline, {0, 0, 0, 0, 0});
  CHECK_FALSE(m.relative());
  CHECK(m.Sigma() == 0);
  CHECK(m.Repeats() == 1);
}

TEST_CASE("one deviating sample of one tree switches auto repeats to five") {
  spec::Spec spec = SecondsSpec();
  Measurements m(spec);
  AddAll(m, kBase, SamplePhase::kBaseline, {3, 3, 3, 3, 3});
  AddAll(m, AttemptId(1), SamplePhase::kScreen, {2});
  AddAll(m, AttemptId(2), SamplePhase::kScreen, {4});
  CHECK_FALSE(m.noisy());
  CHECK(m.Repeats() == 1);
  SUBCASE("in the same phase") {
    m.Add(kBase, Taken(SamplePhase::kBaseline, 5, 3.0001));
  }
  SUBCASE("in another phase") {
    AddAll(m, AttemptId(2), SamplePhase::kConfirm, {4.0001});
  }
  CHECK(m.noisy());
  CHECK(m.Repeats() == 5);
  spec.evaluation.repeats = 3;
  CHECK(m.Repeats() == 3);
}

TEST_CASE("cached samples have a value but are neither fresh nor noise") {
  const spec::Spec spec = SecondsSpec();
  Measurements m(spec);
  AddAll(m, kBase, SamplePhase::kBaseline, {3, 3, 3, 3, 3});
  for (int i = 0; i < 4; ++i) {
    eval::Sample sample = Taken(SamplePhase::kConfirm, i, 2 + i);
    sample.cached = true;
    m.Add(AttemptId(1), sample);
  }
  CHECK(m.Value(AttemptId(1)) == 3.5);
  CHECK(m.Sigma() == 0);
  m.Add(AttemptId(1), Taken(SamplePhase::kConfirm, 4, 9));
  CHECK(m.Value(AttemptId(1)) == 9);
}

TEST_CASE("baseline samples out of baseline.lock are noise although cached") {
  const spec::Spec spec = SecondsSpec();
  Measurements m(spec);
  for (int i = 0; i < 5; ++i) {
    eval::Sample sample = Taken(SamplePhase::kBaseline, i, 2 + i);
    sample.cached = true;
    m.Add(kBase, sample);
  }
  CHECK(m.Sigma() == doctest::Approx(SigmaOf({{2, 3, 4, 5, 6}}, true)));
}

TEST_CASE("weighted scores are geometric means of ratios to the baseline") {
  spec::Spec spec;
  spec.metric.name = "score";
  spec.metric.direction = spec::Direction::kMaximize;
  spec.metric.weights = {
      {.name = "s", .direction = spec::Direction::kMinimize, .weight = 3},
      {.name = "q", .direction = spec::Direction::kMaximize, .weight = 1}};
  Measurements m(spec);
  auto taken = [](SamplePhase phase, int index, double s, double q) {
    eval::Sample sample = Taken(phase, index, 0);
    sample.metrics = {{"s", s}, {"q", q}};
    return sample;
  };
  CHECK_FALSE(m.Score({{"s", 1}, {"q", 1}}));
  m.Add(kBase, taken(SamplePhase::kBaseline, 0, 8, 2));
  m.Add(kBase, taken(SamplePhase::kBaseline, 1, 12, 2));
  m.Add(kBase, taken(SamplePhase::kBaseline, 2, 10, 2));
  CHECK(m.Value(kBase) == 1.0);
  CHECK(m.Samples(kBase)->Scores(SamplePhase::kBaseline)[0] ==
        doctest::Approx(std::pow(10.0 / 8, 0.75)));
  // Half the time at half the quality: 2^(3/4) · (1/2)^(1/4).
  CHECK(*m.Score({{"s", 5}, {"q", 1}}) == doctest::Approx(std::sqrt(2)));
  CHECK_FALSE(m.Score({{"s", 5}}));
  CHECK_FALSE(m.Score({{"s", 5}, {"q", 0}}));
  CHECK_FALSE(m.Score({{"s", -5}, {"q", 1}}));
  CHECK(m.noisy());
}

TEST_CASE("a number of a node is aggregated over the samples that decide") {
  const spec::Spec spec = SecondsSpec();
  Measurements m(spec);
  auto add = [&](SamplePhase phase, int index, double mb) {
    eval::Sample sample = Taken(phase, index, 1);
    sample.metrics["mb"] = mb;
    m.Add(AttemptId(4), sample);
  };
  add(SamplePhase::kScreen, 0, 50);
  CHECK(m.Number(AttemptId(4), "mb") == 50);
  add(SamplePhase::kConfirm, 0, 80);
  add(SamplePhase::kConfirm, 1, 90);
  CHECK(m.Number(AttemptId(4), "mb") == 85);
  CHECK_FALSE(m.Number(AttemptId(4), "kb"));
  CHECK_FALSE(m.Number(AttemptId(5), "mb"));
}

// Groups beyond the size up to which residuals are kept one by one, samples
// that repeat and replacements included.
TEST_CASE("the running sigma equals one computed from scratch at every step") {
  const spec::Spec spec = SecondsSpec();
  for (const bool relative : {true, false}) {
    CAPTURE(relative);
    Measurements m(spec);
    std::map<std::pair<std::int64_t, SamplePhase>, std::map<int, double>> all;
    Rng rng(relative ? 11 : 12);
    auto add = [&](std::int64_t node, SamplePhase phase, int index) {
      double x = (relative ? 100 : 0) + 10 * rng.Normal();
      if (rng.Chance(0.2)) x = std::round(x);
      m.Add(AttemptId(node), Taken(phase, index, x));
      all[{node, phase}][index] = x;
    };
    for (int i = 0; i < 5; ++i) add(0, SamplePhase::kBaseline, i);
    m.Add(kBase, Taken(SamplePhase::kBaseline, 5, relative ? 100 : -1));
    m.Add(kBase, Taken(SamplePhase::kBaseline, 6, relative ? 100 : 1));
    all[{0, SamplePhase::kBaseline}][5] = relative ? 100 : -1;
    all[{0, SamplePhase::kBaseline}][6] = relative ? 100 : 1;
    for (int step = 0; step < 1500; ++step) {
      const bool long_lived = rng.Chance(0.4);
      const auto node = static_cast<std::int64_t>(
          long_lived ? rng.Below(3) : 3 + rng.Below(150));
      auto& group = all[{node, SamplePhase::kConfirm}];
      const bool again = !group.empty() && rng.Chance(0.1);
      const auto index = again ? rng.Below(group.size()) : group.size();
      add(node, SamplePhase::kConfirm, static_cast<int>(index));
      if (step % 50 != 0) continue;
      std::vector<std::vector<double>> groups;
      for (const auto& [id, samples] : all) {
        std::map<int, std::vector<double>> tens;
        for (const auto& [i, x] : samples) tens[i / 10].push_back(x);
        for (auto& [ten, values] : tens) groups.push_back(std::move(values));
      }
      REQUIRE(m.relative() == relative);
      REQUIRE(m.Sigma() == doctest::Approx(SigmaOf(groups, relative)));
    }
  }
}

}  // namespace
}  // namespace coppice::search
