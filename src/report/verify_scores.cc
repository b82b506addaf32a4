#include "report/verify_scores.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace coppice::report {
namespace {

bool Measures(const CheckedSample& sample) {
  return !sample.failed && sample.phase != "holdout" && sample.phase != "check";
}

double Middle(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t n = values.size();
  return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

double Average(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) /
         static_cast<double>(values.size());
}

}  // namespace

void CheckedScores::Add(std::int64_t node, CheckedSample sample) {
  std::vector<CheckedSample>& samples = samples_[node];
  auto same = [&](const CheckedSample& s) {
    return s.phase == sample.phase && s.index == sample.index &&
           s.versus == sample.versus;
  };
  auto known = std::ranges::find_if(samples, same);
  CheckedSample& kept =
      known != samples.end() ? *known : samples.emplace_back();
  kept = std::move(sample);
  const std::optional<double> score = Score(kept);
  if (noisy_ || !score || !Measures(kept)) return;
  noisy_ = std::ranges::any_of(samples, [&](const CheckedSample& other) {
    const std::optional<double> theirs = Score(other);
    return theirs && Measures(other) && *theirs != *score;
  });
}

const std::vector<CheckedSample>& CheckedScores::Of(std::int64_t node) const {
  static const std::vector<CheckedSample> kNone;
  auto found = samples_.find(node);
  return found == samples_.end() ? kNone : found->second;
}

std::optional<double> CheckedScores::Score(const CheckedSample& sample) const {
  auto number = [&](const CheckedSample& of, const std::string& name) {
    auto found = of.metrics.find(name);
    return found == of.metrics.end() ? std::nan("") : found->second;
  };
  if (sample.failed) return std::nullopt;
  if (spec_.metric.weights.empty()) {
    const double x = number(sample, spec_.metric.name);
    return std::isfinite(x) ? std::optional(x) : std::nullopt;
  }
  double product = 0;
  double weights = 0;
  for (const spec::Weight& weight : spec_.metric.weights) {
    std::vector<double> baseline;
    for (const CheckedSample& s : Of(0)) {
      if (s.phase == "baseline") baseline.push_back(number(s, weight.name));
    }
    const double x = number(sample, weight.name);
    if (baseline.empty() || !(x > 0)) return std::nullopt;
    product += spec::Sign(weight.direction) * weight.weight *
               std::log(x / Middle(baseline));
    weights += weight.weight;
  }
  return std::exp(product / weights);
}

double CheckedScores::Aggregate(std::vector<double> values) const {
  switch (spec_.evaluation.aggregation) {
    case spec::Aggregation::kMedian:
      return Middle(std::move(values));
    case spec::Aggregation::kMean:
      return Average(values);
    case spec::Aggregation::kMin:
      return std::ranges::min(values);
    case spec::Aggregation::kMax:
      return std::ranges::max(values);
  }
  return std::nan("");
}

// All of the baseline's; of another node those that did not make it a
// contender, if there are some, fresh ones before those taken over.
std::vector<const CheckedSample*> CheckedScores::Deciding(
    std::int64_t node) const {
  std::vector<const CheckedSample*> fresh, known, screened;
  for (const CheckedSample& s : Of(node)) {
    if (!Measures(s) || !Score(s)) continue;
    const bool later =
        s.phase == "confirm" || s.phase == "canary" || s.phase == "final";
    if (node == 0 || (later && !s.cached)) {
      fresh.push_back(&s);
    } else if (later) {
      known.push_back(&s);
    } else if (s.phase == "screen") {
      screened.push_back(&s);
    }
  }
  return !fresh.empty() ? fresh : !known.empty() ? known : screened;
}

std::optional<double> CheckedScores::Value(std::int64_t node) const {
  std::vector<double> scores;
  for (const CheckedSample* s : Deciding(node)) scores.push_back(*Score(*s));
  if (scores.empty()) return std::nullopt;
  return Aggregate(std::move(scores));
}

std::optional<double> CheckedScores::Number(std::int64_t node,
                                            const std::string& name) const {
  std::vector<double> numbers;
  for (const CheckedSample* s : Deciding(node)) {
    auto found = s->metrics.find(name);
    if (found != s->metrics.end()) numbers.push_back(found->second);
  }
  if (numbers.empty()) return std::nullopt;
  return Aggregate(std::move(numbers));
}

bool CheckedScores::Relative() const {
  bool above = false;
  bool below = false;
  for (const CheckedSample& s : Of(0)) {
    const std::optional<double> score = Score(s);
    if (!score || !Measures(s)) continue;
    if (*score == 0) return false;
    (*score > 0 ? above : below) = true;
  }
  return above != below;
}

// SPEC §5 "Noise"; a group is at most ten samples in a row, and canaries,
// which lie hours apart, make none.
double CheckedScores::Sigma() const {
  constexpr std::size_t kSmallest = 3;
  constexpr std::int64_t kLargest = 10;
  const bool relative = Relative();
  std::vector<double> residuals;
  for (const auto& [node, samples] : samples_) {
    std::map<std::pair<std::string, std::int64_t>, std::vector<double>> groups;
    for (const CheckedSample& s : samples) {
      const std::optional<double> score = Score(s);
      if (!score || !Measures(s) || s.phase == "canary") continue;
      if (s.cached && s.phase != "baseline") continue;
      groups[{s.phase, s.index / kLargest}].push_back(*score);
    }
    for (const auto& [key, group] : groups) {
      const double mean = Average(group);
      if (group.size() < kSmallest || (relative && mean == 0)) continue;
      const auto n = static_cast<double>(group.size());
      const double scale =
          std::sqrt(n / (n - 1)) / (relative ? std::abs(mean) : 1);
      for (double x : group) residuals.push_back(std::abs(x - mean) * scale);
    }
  }
  return residuals.empty() ? 0 : 1.4826 * Middle(std::move(residuals));
}

int CheckedScores::Repeats() const {
  return spec_.evaluation.repeats.value_or(noisy_ ? 5 : 1);
}

}  // namespace coppice::report
