#include "eval/baseline_lock.h"

#include <doctest/doctest.h>

#include <cmath>

#include "support/temp_dir.h"

namespace coppice::eval {
namespace {

BaselineLock Example() {
  BaselineLock lock;
  lock.base = *ObjectId::FromHex("0123456789abcdef0123456789abcdef01234567");
  lock.digest = "d1";
  lock.immutable = {{"bench/eval.py", "b10b"}};
  lock.samples = {{{"seconds", 1.25}, {"mb", 80}}, {{"seconds", 1.5}}};
  lock.median = 1.375;
  lock.noise_mode = "relative";
  lock.sigma = 0.01;
  lock.gates = {{"recall", 0.97}};
  lock.duration_ms = 1500;
  lock.slots = {.tried = 4, .honest = 2};
  lock.environment.kernel = "6.1.0";
  lock.environment.tools = {{"cc", "gcc 12"}};
  lock.habits.by_products = {"bench/cache/"};
  lock.habits.rewritten = {"bench/data.db"};
  lock.units = {{"seconds", "ms"}};
  return lock;
}

TEST_CASE("a lock reads back as it was written") {
  testing::TempDir dir;
  const auto file = dir / "deep/baseline.lock";
  CHECK_FALSE(ReadLock(file)->has_value());
  REQUIRE(WriteLock(file, Example()).has_value());
  const auto read = ReadLock(file);
  REQUIRE(read.has_value());
  REQUIRE(read->has_value());
  CHECK(FormatLock(**read) == FormatLock(Example()));
  CHECK((*read)->habits == Example().habits);
  CHECK((*read)->samples == Example().samples);
  // Replacing it leaves nothing else behind.
  REQUIRE(WriteLock(file, Example()).has_value());
  int files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(file.parent_path())) {
    CHECK(entry.path() == file);
    ++files;
  }
  CHECK(files == 1);
}

TEST_CASE("a lock of a newer format is refused, naming who wrote it") {
  std::string text = FormatLock(Example());
  text.replace(text.find("\"format\": 1"), 11, "\"format\": 2");
  text.replace(text.find(COPPICE_VERSION), sizeof(COPPICE_VERSION) - 1,
               "9.9.9");
  const Result<BaselineLock> lock = ParseLock(text, "x/baseline.lock");
  REQUIRE_FALSE(lock.has_value());
  CHECK(lock.error().code == ErrorCode::kCheck);
  CHECK(lock.error().where == "x/baseline.lock");
  CHECK(lock.error().cause == "written by coppice 9.9.9");
}

TEST_CASE("a damaged lock is an error, unknown fields are not") {
  CHECK_FALSE(ParseLock("", "l").has_value());
  CHECK_FALSE(ParseLock("{}", "l").has_value());
  CHECK_FALSE(ParseLock("[1]", "l").has_value());
  CHECK_FALSE(ParseLock(R"({"format": 1, "base": "zz"})", "l").has_value());
  std::string text = FormatLock(Example());
  CHECK_FALSE(ParseLock(text.substr(0, text.size() / 2), "l").has_value());
  text.insert(1, "\"later\": [1, 2],");
  CHECK(ParseLock(text, "l").has_value());
}

TEST_CASE("a lock that cannot be written is an error with the path") {
  testing::TempDir dir;
  testing::WriteFile(dir / "file", "x");
  const Result<void> written = WriteLock(dir / "file/baseline.lock", Example());
  REQUIRE_FALSE(written.has_value());
  CHECK(written.error().code == ErrorCode::kIo);
  CHECK(written.error().where.find("file/baseline.lock") != std::string::npos);
}

TEST_CASE("the digest follows the keys that measure, and no others") {
  const auto digest = [](const char* json) {
    return *MeasuringDigest(json, {});
  };
  const std::string one = digest(
      R"({"name":"a","metric":{"name":"s"},"evaluation":{"command":"x"}})");
  CHECK(one == digest(R"({"evaluation":{"command":"x"},"budget":{"n":1},
                          "metric":{"name":"s"},"name":"b","judge":null})"));
  CHECK(one !=
        digest(R"({"metric":{"name":"s"},"evaluation":{"command":"y"}})"));
  CHECK(one != digest(R"({"metric":{"name":"s"},"evaluation":{"command":"x"},
                          "checks":["make test"]})"));
  CHECK(one != *MeasuringDigest(
                   R"({"metric":{"name":"s"},"evaluation":{"command":"x"}})",
                   {{"data.csv", "abc"}}));
  CHECK_FALSE(MeasuringDigest("not json", {}).has_value());
}

TEST_CASE("a lock holds for one base, digest and environment") {
  const BaselineLock lock = Example();
  CHECK(Mismatch(lock, lock.base, "d1", lock.environment).empty());
  EnvironmentFacts other = lock.environment;
  other.kernel = "6.2";
  ObjectId base = lock.base;
  base.bytes[0] = 0xff;
  const auto reasons = Mismatch(lock, base, "d2", other);
  REQUIRE(reasons.size() == 3);
  CHECK(reasons[0].starts_with("base: 01234567"));
  CHECK(reasons[2] == "kernel: 6.1.0 -> 6.2");
}

std::vector<Sample> Samples(const std::vector<double>& values,
                            double seconds = 1) {
  std::vector<Sample> samples;
  for (const double value : values) {
    Sample sample;
    sample.metrics = {{"s", value}, {"mb", 100}};
    sample.seconds = seconds;
    samples.push_back(std::move(sample));
  }
  return samples;
}

TEST_CASE("the report tells value, noise and what is wrong with them") {
  spec::Spec spec;
  spec.metric.name = "s";
  const BaselineReport calm = Summarise(spec, Samples({2, 2, 2, 2, 2}));
  CHECK(calm.deterministic);
  CHECK(calm.median == 2);
  CHECK(calm.sigma == 0);
  CHECK(calm.warnings.empty());

  const BaselineReport noisy =
      Summarise(spec, Samples({1.0, 1.2, 0.8, 1.1, 0.9}));
  CHECK_FALSE(noisy.deterministic);
  CHECK(noisy.relative);
  CHECK(noisy.median == 1);
  // Residuals 0, .2, .2, .1, .1: median .1, times sqrt(5/4).
  CHECK(noisy.sigma == doctest::Approx(1.4826 * 0.1 * std::sqrt(1.25)));
  CHECK(noisy.variation == doctest::Approx(std::sqrt(0.1 / 4)));
  REQUIRE(noisy.warnings.size() == 1);
  CHECK(noisy.warnings[0].find("16.6%") != std::string::npos);
}

TEST_CASE("noise of values of both signs is absolute") {
  spec::Spec spec;
  spec.metric.name = "s";
  const BaselineReport report = Summarise(spec, Samples({-1, 1, 0, 0.5, -0.5}));
  CHECK_FALSE(report.relative);
  CHECK(report.sigma == doctest::Approx(1.4826 * 0.5 * std::sqrt(1.25)));
}

TEST_CASE("a baseline near its timeout is warned about") {
  spec::Spec spec;
  spec.metric.name = "s";
  spec.evaluation.timeout_seconds = 100;
  CHECK(Summarise(spec, Samples({1, 1}, 25)).warnings.empty());
  CHECK(Summarise(spec, Samples({1, 1}, 26)).warnings.size() == 1);
}

TEST_CASE("weights are reported as one score around one") {
  spec::Spec spec;
  spec.metric.name = "score";
  spec.metric.weights = {
      {.name = "s", .direction = spec::Direction::kMinimize, .weight = 3},
      {.name = "mb", .direction = spec::Direction::kMaximize, .weight = 1}};
  const BaselineReport report = Summarise(spec, Samples({1, 2, 4}));
  CHECK(report.median == doctest::Approx(1));
  CHECK(report.values[0] == doctest::Approx(std::pow(2, 0.75)));
}

TEST_CASE("failed samples say nothing about the baseline") {
  spec::Spec spec;
  spec.metric.name = "s";
  std::vector<Sample> samples = Samples({5, 7});
  samples[1].failure = Failure{};
  const BaselineReport report = Summarise(spec, samples);
  CHECK(report.values == std::vector<double>{5});
}

}  // namespace
}  // namespace coppice::eval
