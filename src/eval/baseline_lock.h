#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
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

struct SlotsTried {
  int tried = 0;
  int honest = 0;
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
  std::vector<double> holdout;
  std::int64_t duration_ms = 0;  // median of one sample
  SlotsTried slots;
  EnvironmentFacts environment;
  BaselineHabits habits;
  std::map<std::string, std::string> units;
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

}  // namespace coppice::eval
