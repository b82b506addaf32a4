#include "report/baseline.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "report/facts.h"
#include "report/words.h"
#include "spec/judge_names.h"

namespace coppice::report {
namespace {

constexpr double kSecondsPerDay = 86400;

std::string Spread(const search::State& state) {
  const search::NodeSamples* samples =
      state.measurements().Samples(AttemptId(0));
  if (samples == nullptr) return "";
  const std::vector<double> scores = samples->Scores(SamplePhase::kBaseline);
  if (scores.empty()) return "";
  const auto [low, high] = std::ranges::minmax(scores);
  const std::string count =
      Count(static_cast<std::int64_t>(scores.size()), "sample");
  if (low == high) return count + ", all equal";
  return fmt::format("{} from {} to {}, noise {}", count, FormatShort(low),
                     FormatShort(high), NoiseText(state));
}

std::string TargetText(const search::State& state, double baseline) {
  const spec::Metric& metric = state.spec().metric;
  if (!metric.target) return "";
  const double target = *metric.target;
  if (spec::Sign(metric.direction) * (baseline - target) >= 0) {
    return fmt::format(
        "; it already meets the target {}: a harder target or none makes the "
        "search go on",
        FormatShort(target));
  }
  return fmt::format("; the target is {} ({})", FormatShort(target),
                     ChangeText(state, target));
}

// How many seconds one unit of a metric of this name is.
std::optional<double> SecondsPerUnit(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, double>, 10> kUnits{
      {{"seconds", 1},
       {"s", 1},
       {"milliseconds", 1e-3},
       {"ms", 1e-3},
       {"microseconds", 1e-6},
       {"us", 1e-6},
       {"nanoseconds", 1e-9},
       {"ns", 1e-9},
       {"minutes", 60},
       {"hours", 3600}}};
  const std::size_t cut = name.find_last_of("_.");
  if (cut != std::string_view::npos) name.remove_prefix(cut + 1);
  for (const auto& [unit, seconds] : kUnits) {
    if (name == unit) return seconds;
  }
  return std::nullopt;
}

std::string ADay(const spec::Spec& spec, double value, double unit) {
  const spec::Usage& usage = spec.usage;
  const double seconds = value * unit * usage.calls_per_day.value_or(0);
  std::string text = fmt::format(
      "{} {} x {} calls a day = {} a day", FormatShort(value),
      Safe(spec.metric.name, 40),
      FormatShort(usage.calls_per_day.value_or(0), 6), FormatDuration(seconds));
  if (usage.usd_per_hour) {
    text += fmt::format(", {} at {} an hour",
                        Dollars(seconds / 3600 * *usage.usd_per_hour),
                        Dollars(*usage.usd_per_hour));
  }
  if (seconds > kSecondsPerDay) text += " (more than one machine)";
  return text;
}

}  // namespace

std::string BaselineText(const search::State& state) {
  const std::optional<double> value = ValueOf(state, AttemptId(0));
  if (!value) return "";
  std::string text = fmt::format("{} {}", Safe(state.spec().metric.name, 40),
                                 FormatShort(*value));
  const std::string spread = Spread(state);
  if (!spread.empty()) text += fmt::format(" ({})", spread);
  return text + TargetText(state, *value);
}

std::string ImpactText(const spec::Spec& spec, double value) {
  const std::optional<double> unit = SecondsPerUnit(spec.metric.name);
  if (!spec.usage.calls_per_day || !unit ||
      spec.metric.direction != spec::Direction::kMinimize) {
    return "";
  }
  return ADay(spec, value, *unit);
}

std::string ImpactText(const search::State& state) {
  const spec::Spec& spec = state.spec();
  const std::optional<double> baseline = ValueOf(state, AttemptId(0));
  if (!baseline) return "";
  const std::string before = ImpactText(spec, *baseline);
  if (before.empty()) return "";
  std::string text = "In use, baseline: " + before;
  const AttemptId best = BestAttempt(state);
  const std::optional<double> value = ValueOf(state, best);
  if (best.value() != 0 && value) {
    text += fmt::format("\nIn use, best {}: {}", NodeName(best),
                        ImpactText(spec, *value));
  }
  return text;
}

std::string AnchorShiftText(const search::State& state) {
  constexpr double kShare = 0.05;
  if (!state.spec().judge) return {};
  double sum = 0;
  int count = 0;
  std::vector<AttemptId> nodes = Attempts(state);
  nodes.emplace_back(0);
  for (AttemptId node : nodes) {
    const search::NodeSamples* samples = state.measurements().Samples(node);
    if (samples == nullptr) continue;
    for (const search::Reading& reading : samples->readings) {
      for (const auto& [name, value] : reading.metrics) {
        if (name != "judge_anchor_shift") continue;
        sum += value;
        ++count;
      }
    }
  }
  const spec::JudgeScale scale = spec::ScaleOf(state.spec());
  const double shift = count == 0 ? 0 : sum / count;
  if (std::abs(shift) <= kShare * (scale.high - scale.low)) return {};
  return fmt::format(
      "scores the texts whose score is known {} too {} on average, of {} to {}",
      FormatShort(std::abs(shift), 2), shift > 0 ? "high" : "low",
      FormatNumber(scale.low), FormatNumber(scale.high));
}

}  // namespace coppice::report
