#include "app/load_verdict.h"

#include <doctest/doctest.h>

#include "eval/pinning.h"

namespace coppice::app {
namespace {

using eval::LoadLevel;
using eval::Sample;
using eval::SlotsTried;
using Round = std::vector<Sample>;

spec::Spec Measuring(const std::string& name) {
  spec::Spec spec;
  spec.metric.name = name;
  return spec;
}

Sample Taken(const std::string& name, double value, double seconds = 1) {
  Sample sample;
  sample.metrics[name] = value;
  sample.seconds = seconds;
  return sample;
}

std::vector<Sample> Alone(const std::string& name,
                          const std::vector<double>& values) {
  std::vector<Sample> samples;
  for (const double value : values) samples.push_back(Taken(name, value));
  return samples;
}

// Five rounds of two.
std::vector<Round> Rounds(const std::string& name, double value,
                          double seconds = 1) {
  return std::vector<Round>(
      5, Round{Taken(name, value, seconds), Taken(name, value, seconds)});
}

bool IsTime(const std::string& name, const std::string& unit = "") {
  return MeasuresTime(spec::Metric{.name = name}, {{name, unit}}, {});
}

}  // namespace

TEST_CASE("a metric is a time by its unit or by a word of its name") {
  for (const char* name :
       {"seconds", "milliseconds", "p99_latency", "latencyMs", "bench.time",
        "@wall", "ops_per_second", "throughput", "parse-ns", "wallTime"}) {
    CAPTURE(name);
    CHECK(IsTime(name));
  }
  for (const char* name : {"accuracy", "score", "kilobytes", "timesteps",
                           "users", "items", "loss", "specs"}) {
    CAPTURE(name);
    CHECK_FALSE(IsTime(name));
  }
  CHECK(IsTime("result", "ms"));
  CHECK(IsTime("result", "s"));
  CHECK_FALSE(IsTime("result", "MB"));
}

TEST_CASE("a metric that follows the wall time is a time under any name") {
  std::vector<Sample> with;
  std::vector<Sample> without;
  for (int i = 0; i < 10; ++i) {
    const double seconds = 1 + 0.1 * (i % 4);
    with.push_back(Taken("score", 100 / seconds, seconds));
    without.push_back(Taken("score", i % 3, seconds));
  }
  const spec::Metric metric{.name = "score"};
  CHECK(MeasuresTime(metric, {}, with));
  CHECK_FALSE(MeasuresTime(metric, {}, without));
  // Too few to tell, or too much alike.
  with.resize(7);
  CHECK_FALSE(MeasuresTime(metric, {}, with));
  CHECK_FALSE(
      MeasuresTime(metric, {}, std::vector<Sample>(10, Taken("score", 1, 1))));
}

TEST_CASE("of weights, one that is a time is enough") {
  spec::Metric metric;
  metric.weights = {{.name = "mb"}, {.name = "seconds"}};
  CHECK(MeasuresTime(metric, {}, {}));
  metric.weights = {{.name = "mb"}, {.name = "recall"}};
  CHECK_FALSE(MeasuresTime(metric, {}, {}));
}

TEST_CASE("a time may be 2 % slower under load, or as much as its noise") {
  const spec::Spec spec = Measuring("seconds");
  const auto steady = Alone("seconds", {1, 1, 1, 1, 1});
  CHECK(JudgeLoad(spec, steady, Rounds("seconds", 1.019), true).fault.empty());
  const LoadLevel slow = JudgeLoad(spec, steady, Rounds("seconds", 1.03), true);
  CHECK(slow.fault ==
        "seconds is 1.03 with 2 at once, 1 alone (+3.0%, noise 0.0%)");
  CHECK(slow.at_once == 2);
  CHECK(slow.median == doctest::Approx(1.03));

  const auto noisy = Alone("seconds", {0.9, 0.95, 1, 1.05, 1.1});
  CHECK(JudgeLoad(spec, noisy, Rounds("seconds", 1.05), true).fault.empty());
  CHECK_FALSE(
      JudgeLoad(spec, noisy, Rounds("seconds", 1.15), true).fault.empty());
}

TEST_CASE("one bad round of five decides nothing, three do") {
  const spec::Spec spec = Measuring("seconds");
  const auto steady = Alone("seconds", {1, 1, 1, 1, 1});
  std::vector<Round> rounds = Rounds("seconds", 1);
  rounds[0] = Rounds("seconds", 9)[0];
  rounds[3] = Rounds("seconds", 9)[0];
  CHECK(JudgeLoad(spec, steady, rounds, true).fault.empty());
  rounds[4] = Rounds("seconds", 9)[0];
  CHECK_FALSE(JudgeLoad(spec, steady, rounds, true).fault.empty());
}

TEST_CASE("a time whose samples take longer to come is not honest either") {
  const spec::Spec spec = Measuring("seconds");
  const auto steady = Alone("seconds", {1, 1, 1, 1, 1});
  CHECK(JudgeLoad(spec, steady, Rounds("seconds", 1, 1.04), true)
            .fault.empty());  // to start two at once takes longer
  const LoadLevel waits =
      JudgeLoad(spec, steady, Rounds("seconds", 1, 1.3), true);
  CHECK(waits.fault.starts_with("the wall time of a sample is 1.3 with 2"));
  // What is no time may take as long as it likes.
  const spec::Spec other = Measuring("accuracy");
  CHECK(JudgeLoad(other, Alone("accuracy", {1, 1, 1, 1, 1}),
                  Rounds("accuracy", 1, 3), false)
            .fault.empty());
}

TEST_CASE("a deterministic number that is no time must stay what it is") {
  const spec::Spec spec = Measuring("accuracy");
  const auto solo = Alone("accuracy", {0.5, 0.5, 0.5, 0.5, 0.5});
  std::vector<Round> rounds = Rounds("accuracy", 0.5);
  CHECK(JudgeLoad(spec, solo, rounds, false).fault.empty());
  rounds[2][1] = Taken("accuracy", 0.501);
  CHECK(JudgeLoad(spec, solo, rounds, false).fault ==
        "accuracy is 0.501 with 2 at once, always 0.5 alone");
}

TEST_CASE("a sample that fails only under load is the collision itself") {
  const spec::Spec spec = Measuring("accuracy");
  const auto solo = Alone("accuracy", {0.5, 0.5, 0.5, 0.5, 0.5});
  std::vector<Round> rounds = Rounds("accuracy", 0.5);
  rounds[1][0].failure = eval::Failure{.outcome = Outcome::kBuggy,
                                       .reason = "python serve.py: exit 1",
                                       .tail = "Traceback\nAddress in use"};
  CHECK(JudgeLoad(spec, solo, rounds, false).fault ==
        "1 of 10 samples failed with 2 at once: python serve.py: exit 1: "
        "Address in use");
}

TEST_CASE("a weighted score under load is one against the base alone") {
  spec::Spec spec;
  spec.metric.name = "score";
  spec.metric.direction = spec::Direction::kMaximize;
  spec.metric.weights = {
      {.name = "seconds", .direction = spec::Direction::kMinimize},
      {.name = "mb", .direction = spec::Direction::kMinimize}};
  auto both = [](double seconds) {
    Sample sample = Taken("seconds", seconds);
    sample.metrics["mb"] = 10;
    return sample;
  };
  const std::vector<Sample> solo(5, both(1));
  const std::vector<Round> loaded(5, Round{both(4), both(4)});
  const LoadLevel level = JudgeLoad(spec, solo, loaded, true);
  CHECK(level.median == doctest::Approx(0.5));
  CHECK_FALSE(level.fault.empty());
}

TEST_CASE("auto is what is honest, at most four, at most the cores there are") {
  spec::Spec spec = Measuring("seconds");
  CHECK(WantedAtOnce(spec) == 4);
  CHECK(AtOnce(spec, {}) == 1);
  CHECK(AtOnce(spec, {.tried = 4, .honest = 2}) == 2);
  CHECK(AtOnce(spec, {.tried = 16, .honest = 16}) == 4);
  spec.evaluation.limits.cpus = 100'000;
  CHECK(WantedAtOnce(spec) == 1);
  spec.evaluation.limits.cpus = 1;
  const std::size_t cores =
      eval::CoresForEvaluation(eval::AllowedCores(), "/").size();
  CHECK(WantedAtOnce(spec) == std::min<int>(4, static_cast<int>(cores)));
  spec.evaluation.limits.cpus.reset();
  spec.evaluation.exclusive = {"gpu"};
  CHECK(WantedAtOnce(spec) == 1);
  CHECK(AtOnce(spec, {.tried = 4, .honest = 4}) == 1);
}

TEST_CASE("what a probe found is told with the first level that failed") {
  const spec::Spec spec = Measuring("seconds");
  CHECK(SlotsText(spec, {}) == "1 at a time");
  SlotsTried slots{.tried = 8, .honest = 2, .times = true, .solo_median = 0.2};
  slots.levels = {{.at_once = 8, .median = 0.9, .fault = "far too slow"},
                  {.at_once = 4, .median = 0.4, .fault = "too slow"},
                  {.at_once = 2, .median = 0.201}};
  CHECK(SlotsText(spec, slots) ==
        "2 at once; seconds is 0.2 alone, 0.201 with 2; not 4: too slow");
  slots.honest = 1;
  slots.levels[2].fault = "slow";
  CHECK(SlotsText(spec, slots) ==
        "1 at a time; seconds is 0.2 alone; not 2: slow");
}

TEST_CASE("more than is honest is allowed, and a time then takes turns") {
  spec::Spec spec = Measuring("seconds");
  spec.parallel.evaluations = 3;
  SlotsTried slots{.tried = 3, .honest = 1, .times = true};
  slots.levels = {{.at_once = 3, .median = 2, .fault = "seconds is 2"},
                  {.at_once = 1}};
  CHECK(AtOnce(spec, slots) == 3);
  CHECK(NeedsTimingLock(spec, slots));
  CHECK(LocksTaken(spec, slots) == std::set<std::string>{"cpu"});
  CHECK(DishonestSlots(spec, slots)
            .starts_with("parallel.evaluations: 3 is more than the 1 that a "
                         "load probe found "
                         "honest: seconds is 2; so every sample is taken with "
                         "the lock cpu"));
  slots.times = false;
  CHECK_FALSE(NeedsTimingLock(spec, slots));
  CHECK(DishonestSlots(spec, slots).ends_with("; write auto"));
  slots.honest = 3;
  CHECK(DishonestSlots(spec, slots).empty());
  // Without a probe nobody knows.
  CHECK(DishonestSlots(spec, {}).empty());
}

}  // namespace coppice::app
