#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "eval/baseline_lock.h"

namespace coppice::eval {
namespace {

constexpr double kNoiseWarning = 0.05;
constexpr double kVariationWarning = 0.10;

double Mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double v : values) sum += v;
  return values.empty() ? 0 : sum / static_cast<double>(values.size());
}

std::vector<const Sample*> Good(std::span<const Sample> samples) {
  std::vector<const Sample*> good;
  for (const Sample& s : samples) {
    if (!s.failure) good.push_back(&s);
  }
  return good;
}

// The median of each weighted number.
std::map<std::string, double> MediansOf(const spec::Metric& metric,
                                        std::span<const Sample> samples) {
  std::map<std::string, double> medians;
  for (const spec::Weight& w : metric.weights) {
    std::vector<double> column;
    for (const Sample* s : Good(samples)) {
      column.push_back(s->metrics.at(w.name));
    }
    medians[w.name] = Median(std::move(column));
  }
  return medians;
}

bool SameSign(const std::vector<double>& values) {
  return std::ranges::all_of(values, [](double v) { return v > 0; }) ||
         std::ranges::all_of(values, [](double v) { return v < 0; });
}

void MeasureNoise(BaselineReport& report) {
  const std::vector<double>& values = report.values;
  const auto n = static_cast<double>(values.size());
  report.deterministic =
      std::ranges::adjacent_find(values, std::ranges::not_equal_to()) ==
      values.end();
  report.relative = SameSign(values);
  if (n < 2 || report.deterministic) return;
  report.sigma = Sigma(values);
  const double mean = Mean(values);
  double squares = 0;
  for (const double v : values) squares += (v - mean) * (v - mean);
  if (mean != 0)
    report.variation = std::sqrt(squares / (n - 1)) / std::abs(mean);
}

void AddWarnings(const spec::Spec& spec, BaselineReport& report) {
  const int timeout = spec.evaluation.timeout_seconds;
  if (report.seconds * 4 > timeout) {
    report.warnings.push_back(fmt::format(
        "the baseline needs {} of a timeout of {}: a slower candidate ends as "
        "timeout; raise evaluation.timeout_seconds",
        FormatDuration(report.seconds), FormatDuration(timeout)));
  }
  const double noise = report.relative || report.median == 0
                           ? report.sigma
                           : report.sigma / std::abs(report.median);
  if (noise > kNoiseWarning || report.variation > kVariationWarning) {
    report.warnings.push_back(fmt::format(
        "the baseline's samples differ by {:.1f}% (coefficient of variation "
        "{:.1f}%): usual causes are other load, frequency scaling, a run that "
        "is too short, and randomness without a seed; measure longer, add "
        "evaluation.warmup, or pin cores with evaluation.limits.cpus",
        noise * 100, report.variation * 100));
  }
}

}  // namespace

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half]
                                : (values[half - 1] + values[half]) / 2;
}

double Sigma(const std::vector<double>& values) {
  const auto n = static_cast<double>(values.size());
  if (n < 2) return 0;
  const double mean = Mean(values);
  const double scale = SameSign(values) ? std::abs(mean) : 1;
  std::vector<double> residuals;
  for (const double v : values) {
    residuals.push_back(std::abs(v - mean) / scale * std::sqrt(n / (n - 1)));
  }
  return 1.4826 * Median(std::move(residuals));
}

std::vector<double> ValuesAgainst(const spec::Metric& metric,
                                  std::span<const Sample> samples,
                                  std::span<const Sample> reference) {
  const std::map<std::string, double> medians = MediansOf(metric, reference);
  double total = 0;
  for (const spec::Weight& w : metric.weights) total += w.weight;
  std::vector<double> values;
  for (const Sample* s : Good(samples)) {
    if (metric.weights.empty()) {
      values.push_back(s->metrics.at(metric.name));
      continue;
    }
    double log_score = 0;
    for (const spec::Weight& w : metric.weights) {
      const double ratio = s->metrics.at(w.name) / medians.at(w.name);
      log_score += spec::Sign(w.direction) * w.weight / total * std::log(ratio);
    }
    values.push_back(std::exp(log_score));
  }
  return values;
}

BaselineReport Summarise(const spec::Spec& spec,
                         std::span<const Sample> samples) {
  std::vector<double> seconds;
  for (const Sample* s : Good(samples)) seconds.push_back(s->seconds);
  BaselineReport report;
  if (seconds.empty()) return report;
  report.seconds = Median(std::move(seconds));
  report.values = ValuesAgainst(spec.metric, samples, samples);
  report.median = Median(report.values);
  MeasureNoise(report);
  AddWarnings(spec, report);
  return report;
}

}  // namespace coppice::eval
