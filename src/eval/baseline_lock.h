#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "eval/environment_facts.h"
#include "eval/evaluator.h"
#include "eval/immutable.h"
#include "spec/spec.h"

// baseline.lock (SPEC §4): how the base was measured, by what and on what, so
// that no score is compared across two baselines.

namespace coppice::eval {

// What a load probe saw with so many evaluations at once.
struct LoadLevel {
  int at_once = 0;
  double median = 0;   // of the metric
  double seconds = 0;  // of the samples' wall time
  std::string fault;   // why that is not honest; empty: it is

  friend bool operator==(const LoadLevel&, const LoadLevel&) = default;
};

// How many evaluations at once still measure what one alone does (MEA-29).
struct SlotsTried {
  int tried = 1;  // 1: there was no probe
  int honest = 1;
  bool times = false;  // the metric is a time or a rate
  double solo_median = 0;
  double solo_seconds = 0;
  std::vector<LoadLevel> levels;  // in the order they were tried: most first

  friend bool operator==(const SlotsTried&, const SlotsTried&) = default;
};

// How a judge has judged the base.
struct JudgedBase {
  // The items that every node is judged by, bucket and id.
  std::vector<std::pair<std::string, std::string>> drawn;
  // Those that the final is judged by once more; may be empty.
  std::vector<std::pair<std::string, std::string>> second_draw;
  // What the base wrote for them, by id, where pairs are judged.
  std::map<std::string, std::string> texts;
  double usd = 0;
  std::int64_t input = 0;  // tokens
  std::int64_t output = 0;
};

struct BaselineLock {
  ObjectId base;
  std::string digest;  // of what measures; see MeasuringDigest
  std::map<std::string, std::string> immutable;  // path -> blob
  // Every number of every sample, so that gates, guards and weights can be
  // judged against them.
  std::vector<std::map<std::string, double>> samples;
  double median = 0;
  std::string noise_mode;  // deterministic | relative | absolute
  double sigma = 0;
  std::map<std::string, double> gates;
  std::vector<std::map<std::string, double>> holdout;  // the same of it
  std::int64_t duration_ms = 0;                        // median of one sample
  SlotsTried slots;
  EnvironmentFacts environment;
  BaselineHabits habits;
  std::map<std::string, std::string> units;
  std::optional<JudgedBase> judged;
};

std::string FormatLock(const BaselineLock& lock);
// Errors: kUsage for text that is no lock, kCheck for a newer format, naming
// the version that wrote it.
Result<BaselineLock> ParseLock(std::string_view text, std::string_view name);

// Nothing if there is no such file.
Result<std::optional<BaselineLock>> ReadLock(const std::filesystem::path& file);
// Replaces the file at once and durably.
Result<void> WriteLock(const std::filesystem::path& file,
                       const BaselineLock& lock);

// SHA-256 of the keys that say how a tree is measured: metric, evaluation,
// checks and judge of the merged spec, and the contents of what is copied in
// from outside the tree (path -> digest). With the tree id and the environment
// digest it is the key of a measurement.
Result<std::string> MeasuringDigest(
    std::string_view merged_spec_json,
    const std::map<std::string, std::string>& copied);

// Why `lock` does not hold for this base and these digests; empty if it does.
std::vector<std::string> Mismatch(const BaselineLock& lock, ObjectId base,
                                  std::string_view digest,
                                  const EnvironmentFacts& now);

// What the baseline's samples say about the measurement itself.
struct BaselineReport {
  std::vector<double> values;
  double median = 0;
  double variation = 0;  // standard deviation / |mean|
  double sigma = 0;      // as in SPEC §5, over these samples alone
  bool relative = false;
  bool deterministic = false;
  double seconds = 0;  // median of one sample
  std::vector<std::string> warnings;
};
BaselineReport Summarise(const spec::Spec& spec,
                         std::span<const Sample> samples);

// The metric of each sample that did not fail; with weights the score against
// the medians of `reference`.
std::vector<double> ValuesAgainst(const spec::Metric& metric,
                                  std::span<const Sample> samples,
                                  std::span<const Sample> reference);

// 0 of nothing.
double Median(std::vector<double> values);
// σ of SPEC §5 over one group: of |mean| if all values share a sign.
double Sigma(const std::vector<double>& values);

}  // namespace coppice::eval
