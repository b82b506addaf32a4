#include "app/load_verdict.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/text.h"
#include "eval/named_locks.h"
#include "eval/pinning.h"

// The number of a round is the median of its samples, that of a level the
// median of its rounds, so that one bad round decides nothing.

namespace coppice::app {
namespace {

using eval::LoadLevel;
using eval::Sample;

constexpr int kMostByItself = 4;
constexpr double kAllowed = 0.02;
// To start N programs at once takes longer than to start one, and that is not
// what is measured.
constexpr double kStartUpSeconds = 0.025;

constexpr std::array<std::string_view, 8> kTimeUnits = {
    "ns", "us", "\u00b5s", "\u03bcs", "ms", "s", "min", "h"};
constexpr std::array<std::string_view, 34> kTimeWords = {
    "time",    "times",       "seconds",      "second",      "secs",
    "sec",     "s",           "milliseconds", "millisecond", "millis",
    "ms",      "msec",        "microseconds", "micros",      "us",
    "usec",    "nanoseconds", "nanos",        "ns",          "minutes",
    "hours",   "latency",     "duration",     "elapsed",     "wall",
    "runtime", "walltime",    "throughput",   "bandwidth",   "qps",
    "rps",     "fps",         "speed",        "speedup"};

template <class Array>
bool Holds(const Array& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

// "p99_latencyMs" -> p, latency, ms.
bool HasTimeWord(std::string_view name) {
  std::string word;
  for (std::size_t i = 0; i <= name.size(); ++i) {
    const char c = i < name.size() ? name[i] : '_';
    const bool upper = c >= 'A' && c <= 'Z';
    const bool letter = upper || (c >= 'a' && c <= 'z');
    const bool starts = upper && i > 0 && name[i - 1] >= 'a';
    if (!letter || starts) {
      if (Holds(kTimeWords, word)) return true;
      word.clear();
    }
    if (letter) word += static_cast<char>(upper ? c - 'A' + 'a' : c);
  }
  return false;
}

double Mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double v : values) sum += v;
  return sum / static_cast<double>(values.size());
}

bool Differs(const std::vector<double>& values) {
  const auto [low, high] = std::ranges::minmax(values);
  return high - low > 0.05 * std::abs(Mean(values));
}

double Correlation(const std::vector<double>& a, const std::vector<double>& b) {
  const double mean_a = Mean(a);
  const double mean_b = Mean(b);
  double ab = 0;
  double aa = 0;
  double bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - mean_a) * (b[i] - mean_b);
    aa += (a[i] - mean_a) * (a[i] - mean_a);
    bb += (b[i] - mean_b) * (b[i] - mean_b);
  }
  return aa == 0 || bb == 0 ? 0 : ab / std::sqrt(aa * bb);
}

std::vector<std::string> DecidingNames(const spec::Metric& metric) {
  std::vector<std::string> names;
  for (const spec::Weight& weight : metric.weights)
    names.push_back(weight.name);
  if (names.empty()) names.push_back(metric.name);
  return names;
}

std::vector<double> SecondsOf(std::span<const Sample> samples) {
  std::vector<double> seconds;
  for (const Sample& sample : samples) {
    if (!sample.failure) seconds.push_back(sample.seconds);
  }
  return seconds;
}

// One quantity, alone and under load.
struct Compared {
  double solo = 0;
  double loaded = 0;  // median of the rounds' medians
  double noise = 0;   // of solo, in its unit
  double Share() const {
    return solo == 0 ? 0 : (loaded - solo) / std::abs(solo);
  }
};

Compared Compare(const std::vector<double>& solo,
                 const std::vector<double>& round_medians) {
  Compared compared{.solo = eval::Median(solo),
                    .loaded = eval::Median(round_medians)};
  const bool relative =
      std::ranges::all_of(solo, [&](double v) { return v * solo.front() > 0; });
  compared.noise = eval::Sigma(solo) * (relative ? std::abs(compared.solo) : 1);
  return compared;
}

std::string Evidence(std::string_view what, const Compared& c, int at_once) {
  return fmt::format(
      "{} is {} with {} at once, {} alone ({}, noise {})", what,
      FormatShort(c.loaded), at_once, FormatShort(c.solo),
      FormatPercent(c.Share()),
      FormatPercent(c.solo == 0 ? 0 : c.noise / std::abs(c.solo)).substr(1));
}

// The first failure among the samples, with how many there are.
std::optional<std::string> FailedAmong(
    std::span<const std::vector<Sample>> rounds, int at_once) {
  const eval::Failure* first = nullptr;
  std::size_t failed = 0;
  std::size_t all = 0;
  for (const std::vector<Sample>& round : rounds) {
    for (const Sample& sample : round) {
      ++all;
      if (!sample.failure) continue;
      ++failed;
      if (first == nullptr) first = &*sample.failure;
    }
  }
  if (first == nullptr) return std::nullopt;
  std::string text =
      fmt::format("{} of {} samples failed with {} at once: {}", failed, all,
                  at_once, OneLine(first->reason, 100));
  const std::string last = OneLine(LastLines(first->tail, 1), 100);
  if (!last.empty()) text += ": " + last;
  return text;
}

// The value that a metric without noise has, unless one of these differs.
std::optional<double> Deviating(const std::vector<double>& solo,
                                const std::vector<double>& loaded) {
  for (const double value : loaded) {
    if (value != solo.front()) return value;
  }
  return std::nullopt;
}

}  // namespace

bool MeasuresTime(const spec::Metric& metric,
                  const std::map<std::string, std::string>& units,
                  std::span<const Sample> samples) {
  constexpr std::size_t kEnough = 8;
  std::vector<Sample> good;
  for (const Sample& sample : samples) {
    if (!sample.failure) good.push_back(sample);
  }
  const std::vector<double> seconds = SecondsOf(good);
  for (const std::string& name : DecidingNames(metric)) {
    const auto unit = units.find(name);
    if (unit != units.end() && Holds(kTimeUnits, unit->second)) return true;
    if (HasTimeWord(name)) return true;
    std::vector<double> values;
    for (const Sample& sample : good) values.push_back(sample.metrics.at(name));
    if (values.size() >= kEnough && Differs(values) && Differs(seconds) &&
        std::abs(Correlation(values, seconds)) >= 0.9) {
      return true;
    }
  }
  return false;
}

LoadLevel JudgeLoad(const spec::Spec& spec, std::span<const Sample> solo,
                    std::span<const std::vector<Sample>> rounds, bool times) {
  LoadLevel level;
  level.at_once = rounds.empty() ? 1 : static_cast<int>(rounds.front().size());
  const std::vector<double> alone =
      eval::ValuesAgainst(spec.metric, solo, solo);
  std::vector<double> all;
  std::vector<double> values;
  std::vector<double> seconds;
  for (const std::vector<Sample>& round : rounds) {
    const auto loaded = eval::ValuesAgainst(spec.metric, round, solo);
    all.insert(all.end(), loaded.begin(), loaded.end());
    if (!loaded.empty()) values.push_back(eval::Median(loaded));
    if (!loaded.empty()) seconds.push_back(eval::Median(SecondsOf(round)));
  }
  const Compared value = Compare(alone, values);
  const Compared wall = Compare(SecondsOf(solo), seconds);
  level.median = value.loaded;
  level.seconds = wall.loaded;
  if (auto failed = FailedAmong(rounds, level.at_once)) {
    level.fault = std::move(*failed);
    return level;
  }
  const bool deterministic = !Deviating(alone, alone);
  if (!times && deterministic) {
    if (const auto other = Deviating(alone, all)) {
      level.fault = fmt::format("{} is {} with {} at once, always {} alone",
                                spec.metric.name, FormatShort(*other, 6),
                                level.at_once, FormatShort(alone.front(), 6));
    }
    return level;
  }
  auto allowed = [&](const Compared& c) {
    return times ? std::max(kAllowed * std::abs(c.solo), c.noise) : c.noise;
  };
  if (std::abs(value.loaded - value.solo) > allowed(value)) {
    level.fault = Evidence(spec.metric.name, value, level.at_once);
  } else if (times &&
             wall.loaded - wall.solo > allowed(wall) + kStartUpSeconds) {
    level.fault = Evidence("the wall time of a sample", wall, level.at_once);
  }
  return level;
}

int MostAtOnce(const spec::Spec& spec) {
  if (!spec.evaluation.exclusive.empty()) return 1;
  if (!spec.evaluation.limits.cpus) return kMostByItself;
  const std::size_t cores =
      eval::CoresForEvaluation(eval::AllowedCores(), "/").size();
  const int pairs = static_cast<int>(cores) / *spec.evaluation.limits.cpus;
  return std::clamp(pairs, 1, kMostByItself);
}

int WantedAtOnce(const spec::Spec& spec) {
  if (spec.evaluation.backend == "slurm") return 1;  // Slurm deals out cores
  if (!spec.evaluation.exclusive.empty()) return 1;
  return spec.parallel.evaluations.value_or(MostAtOnce(spec));
}

int AtOnce(const spec::Spec& spec, const eval::SlotsTried& slots) {
  if (spec.parallel.evaluations) return *spec.parallel.evaluations;
  if (spec.evaluation.backend == "slurm") return kMostByItself;
  return std::clamp(slots.honest, 1, MostAtOnce(spec));
}

bool NeedsTimingLock(const spec::Spec& spec, const eval::SlotsTried& slots) {
  return slots.times && slots.tried > 1 && AtOnce(spec, slots) > slots.honest;
}

std::set<std::string> LocksTaken(const spec::Spec& spec,
                                 const eval::SlotsTried& slots) {
  const std::vector<std::string>& names = spec.evaluation.exclusive;
  std::set<std::string> taken(names.begin(), names.end());
  if (NeedsTimingLock(spec, slots)) taken.insert(eval::kProcessorLock);
  return taken;
}

std::string SlotsText(const spec::Spec& spec, const eval::SlotsTried& slots) {
  const int at_once = AtOnce(spec, slots);
  std::string text =
      at_once == 1 ? "1 at a time" : fmt::format("{} at once", at_once);
  if (!spec.evaluation.exclusive.empty()) {
    return text + fmt::format("; samples hold {}",
                              fmt::join(spec.evaluation.exclusive, ", "));
  }
  if (slots.levels.empty()) return text;
  text += fmt::format("; {} is {} alone", spec.metric.name,
                      FormatShort(slots.solo_median));
  // From the level that is honest, if any, up to the first that is not.
  for (auto level = slots.levels.rbegin(); level != slots.levels.rend();
       ++level) {
    if (!level->fault.empty()) {
      return text + fmt::format("; not {}: {}", level->at_once, level->fault);
    }
    text +=
        fmt::format(", {} with {}", FormatShort(level->median), level->at_once);
  }
  return text;
}

std::string DishonestSlots(const spec::Spec& spec,
                           const eval::SlotsTried& slots) {
  const int at_once = AtOnce(spec, slots);
  if (slots.tried <= 1 || at_once <= slots.honest) return {};
  std::string text = fmt::format(
      "parallel.evaluations: {} is more than the {} that a load probe found "
      "honest",
      at_once, slots.honest);
  if (!slots.levels.empty()) text += ": " + slots.levels.front().fault;
  return text + (NeedsTimingLock(spec, slots)
                     ? "; so every sample is taken with the lock cpu, one at a "
                       "time, and only builds and checks run side by side"
                     : "; write auto");
}

}  // namespace coppice::app
