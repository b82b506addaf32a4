#include "search/decide_suspicion.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <vector>

#include "base/text.h"

// A program that stops or forges its own clock saves seconds that the clock of
// the sandbox does not see. Whether a metric is a time is told by its name and
// by what it comes to: in every sample of the baseline, between half and all
// of what passed outside. Then of each second that a contender claims to save
// in a pair at least half must be missing outside as well; two standard errors
// of the mean difference are given to it.

namespace coppice::search {
namespace {

constexpr double kSuspiciousRatio = 10;
constexpr double kExplained = 0.5;    // of the wall time, by the baseline
constexpr double kVisible = 0.5;      // of the claimed saving
constexpr double kBeyondWall = 1.02;  // clocks differ by a little
constexpr std::size_t kFewestPairs = 3;
constexpr std::size_t kManyEqual = 5;

// Seconds that one unit of a time stands for; 0: the name is no time's.
double SecondsOf(std::string_view name) {
  constexpr std::array<std::string_view, 8> kWords{
      "second", "time", "wall", "elapsed", "duration", "latency", "sec", "_s"};
  auto has = [&](std::string_view part) {
    return name.find(part) != std::string_view::npos;
  };
  if (has("milli") || name == "ms" || name.ends_with("_ms")) return 1e-3;
  if (has("micro") || name == "us" || name.ends_with("_us")) return 1e-6;
  if (name == "s") return 1;
  const bool timed = std::ranges::any_of(kWords, [&](std::string_view word) {
    return word == "_s" ? name.ends_with(word) : has(word);
  });
  return timed ? 1 : 0;
}

}  // namespace

bool TooGoodToBeTrue(const spec::Metric& metric, double screen, double best) {
  if (metric.range &&
      (screen == metric.range->first || screen == metric.range->second)) {
    return true;
  }
  const int sign = spec::Sign(metric.direction);
  if (sign * best > 0) return sign * screen > kSuspiciousRatio * sign * best;
  return best != 0 && sign * screen > sign * best / kSuspiciousRatio;
}

bool OnlyOneVaries(std::span<const Pair> pairs) {
  std::vector<double> best;
  for (const Pair& pair : pairs) {
    if (pair.candidate != pairs.front().candidate) return false;
    best.push_back(pair.best);
  }
  std::ranges::sort(best);
  return best.size() >= kManyEqual &&
         std::ranges::adjacent_find(best) == best.end();
}

std::optional<std::string> UnseenOutside(const spec::Spec& spec,
                                         const Contest& contest, double gain) {
  const double unit = SecondsOf(spec.metric.name);
  const std::vector<Pair>& clock = contest.clock;
  if (unit == 0 || !spec.metric.weights.empty() || gain <= 0 ||
      spec.metric.direction != spec::Direction::kMinimize ||
      contest.baseline_clock.empty() || clock.size() < kFewestPairs) {
    return std::nullopt;
  }
  for (const ClockedSample& sample : contest.baseline_clock) {
    const double claimed = unit * sample.value;
    if (claimed < kExplained * sample.seconds ||
        claimed > kBeyondWall * sample.seconds) {
      return std::nullopt;
    }
  }
  const auto count = static_cast<double>(clock.size());
  double mean = 0;
  for (const Pair& pair : clock) mean += (pair.best - pair.candidate) / count;
  double squares = 0;
  for (const Pair& pair : clock) {
    squares += std::pow(pair.best - pair.candidate - mean, 2);
  }
  const double error = std::sqrt(squares / (count - 1) / count);
  const double claimed = unit * gain;
  if (mean + 2 * error >= kVisible * claimed) return std::nullopt;
  return fmt::format(
      "the saving is not seen outside: {} claims to save {} s a sample, the "
      "sandbox's clock shows {} s",
      spec.metric.name, FormatShort(claimed), FormatShort(mean));
}

}  // namespace coppice::search
