#include "search/measurements.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace coppice::search {
namespace {

constexpr AttemptId kBaselineNode(0);

// Samples of the metric itself, taken as the search measures.
bool IsMeasurement(SamplePhase phase) {
  return phase != SamplePhase::kHoldout && phase != SamplePhase::kCheck;
}

// Samples that were not the reason to look at the node.
bool IsDeciding(SamplePhase phase) {
  return phase == SamplePhase::kConfirm || phase == SamplePhase::kCanary ||
         phase == SamplePhase::kFinal;
}

double Median(std::vector<double> values) {
  const auto middle =
      values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  if (values.size() % 2 == 1) return *middle;
  return (*std::max_element(values.begin(), middle) + *middle) / 2;
}

double Mean(const std::vector<double>& values) {
  double sum = 0;
  for (double x : values) sum += x - values.front();
  return values.front() + sum / static_cast<double>(values.size());
}

// Samples of one node taken one after the other. A best that lives for hours
// has many such groups: what the host does meanwhile is no noise of a sample.
NoisePool::GroupId GroupOf(AttemptId node, SamplePhase phase, int index) {
  constexpr int kLargestGroup = 10;
  return {node, phase, index / kLargestGroup};
}

double AggregateOf(spec::Aggregation aggregation, const OrderedBag& scores) {
  const std::size_t n = scores.size();
  switch (aggregation) {
    case spec::Aggregation::kMedian:
      if (n % 2 == 1) return scores.At(n / 2);
      return (scores.At(n / 2 - 1) + scores.At(n / 2)) / 2;
    case spec::Aggregation::kMean:
      return scores.Mean();
    case spec::Aggregation::kMin:
      return scores.At(0);
    case spec::Aggregation::kMax:
      return scores.At(n - 1);
  }
  return std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

double Aggregate(spec::Aggregation aggregation, std::vector<double> scores) {
  switch (aggregation) {
    case spec::Aggregation::kMedian:
      return Median(std::move(scores));
    case spec::Aggregation::kMean:
      return Mean(scores);
    case spec::Aggregation::kMin:
      return std::ranges::min(scores);
    case spec::Aggregation::kMax:
      return std::ranges::max(scores);
  }
  return std::numeric_limits<double>::quiet_NaN();
}

Measurements::Measurements(const spec::Spec& spec)
    : spec_(spec), weighted_(!spec.metric.weights.empty()) {}

void Measurements::Add(AttemptId node, const eval::Sample& sample) {
  if (sample.failure || sample.verdict != Verdict::kOk) return;
  if (!Usable(sample.metrics)) return;
  const SamplePhase phase = sample.phase;
  const bool reference =
      weighted_ && node == kBaselineNode && phase == SamplePhase::kBaseline;
  const std::optional<double> score = Score(sample.metrics);
  if (!score && !reference) return;

  NodeSamples& samples = nodes_[node];
  std::vector<int>& indexes = samples.indexes[phase];
  std::vector<double>& scores = samples.scores[phase];
  auto& metrics = samples.metrics[phase];
  std::vector<bool>& cached = samples.cached[phase];
  auto at = std::ranges::lower_bound(indexes, sample.index);
  const auto offset = at - indexes.begin();
  const auto i = static_cast<std::size_t>(offset);
  if (at != indexes.end() && *at == sample.index) {
    if (!reference) Erase(node, phase, sample.index, scores[i], cached[i]);
  } else {
    indexes.insert(at, sample.index);
    scores.insert(scores.begin() + offset, 0);
    metrics.emplace(metrics.begin() + offset);
    cached.insert(cached.begin() + offset, false);
  }
  scores[i] = score.value_or(1);
  metrics[i] = sample.metrics;
  cached[i] = sample.cached;
  if (reference) {
    Rescore();
  } else {
    Insert(node, phase, sample.index, *score, sample.cached);
  }
}

bool Measurements::Usable(const std::map<std::string, double>& metrics) const {
  auto finite = [&](const std::string& name) {
    auto found = metrics.find(name);
    return found != metrics.end() && std::isfinite(found->second);
  };
  if (!weighted_) return finite(spec_.metric.name);
  return std::ranges::all_of(spec_.metric.weights, [&](const spec::Weight& w) {
    return finite(w.name) && metrics.at(w.name) > 0;
  });
}

Measurements::Tier Measurements::TierOf(AttemptId node, SamplePhase phase,
                                        bool cached) {
  if (!IsMeasurement(phase)) return kTiers;
  if (node == kBaselineNode) return kFresh;
  if (IsDeciding(phase)) return cached ? kTakenOver : kFresh;
  return phase == SamplePhase::kScreen ? kScreened : kTiers;
}

// Does a sample tell how much samples scatter? Canaries lie hours apart: what
// they differ by is the drift they are there to show. A sample taken over from
// elsewhere counts where it was taken; the baseline's are the run's own, even
// where they come from baseline.lock.
bool Measurements::IsNoise(SamplePhase phase, bool cached) {
  if (phase == SamplePhase::kCanary) return false;
  return !cached || phase == SamplePhase::kBaseline;
}

void Measurements::Insert(AttemptId node, SamplePhase phase, int index,
                          double score, bool cached) {
  const Tier tier = TierOf(node, phase, cached);
  if (tier != kTiers) values_[node][tier].Insert(score);
  if (phase == SamplePhase::kHoldout) {
    if (!cached) holdout_noise_.Insert(GroupOf(node, phase, index), score);
    return;
  }
  if (!IsMeasurement(phase)) return;
  if (node == kBaselineNode) CountSign(score, +1);
  if (IsNoise(phase, cached)) {
    noise_.Insert(GroupOf(node, phase, index), score);
  }
  for (const auto& [other, scores] : nodes_.at(node).scores) {
    if (IsMeasurement(other) && !scores.empty() && scores.front() != score) {
      noisy_ = true;
    }
  }
}

void Measurements::Erase(AttemptId node, SamplePhase phase, int index,
                         double score, bool cached) {
  const Tier tier = TierOf(node, phase, cached);
  if (tier != kTiers) values_[node][tier].Erase(score);
  if (phase == SamplePhase::kHoldout) {
    if (!cached) holdout_noise_.Erase(GroupOf(node, phase, index), score);
    return;
  }
  if (!IsMeasurement(phase)) return;
  if (node == kBaselineNode) CountSign(score, -1);
  if (IsNoise(phase, cached)) {
    noise_.Erase(GroupOf(node, phase, index), score);
  }
}

void Measurements::CountSign(double score, int by) {
  (score > 0 ? positive_ : score < 0 ? negative_ : zero_) += by;
  relative_ = zero_ == 0 && (positive_ == 0) != (negative_ == 0);
  noise_.SetRelative(relative_);
  holdout_noise_.SetRelative(relative_);
}

// The baseline's own samples are what weighted scores refer to, so each new
// one moves all scores; it happens before there is anything else.
void Measurements::Rescore() {
  const NodeSamples& baseline = nodes_.at(kBaselineNode);
  for (const spec::Weight& weight : spec_.metric.weights) {
    std::vector<double> values;
    for (const auto& metrics : baseline.metrics.at(SamplePhase::kBaseline)) {
      values.push_back(metrics.at(weight.name));
    }
    reference_[weight.name] = Median(std::move(values));
  }
  values_.clear();
  noise_ = NoisePool();
  holdout_noise_ = NoisePool();
  positive_ = negative_ = zero_ = 0;
  relative_ = false;
  for (auto& [node, samples] : nodes_) {
    for (auto& [phase, scores] : samples.scores) {
      for (std::size_t i = 0; i < scores.size(); ++i) {
        scores[i] = *Score(samples.metrics.at(phase)[i]);
      }
    }
    for (auto& [phase, scores] : samples.scores) {
      for (std::size_t i = 0; i < scores.size(); ++i) {
        Insert(node, phase, samples.indexes.at(phase)[i], scores[i],
               samples.cached.at(phase)[i]);
      }
    }
  }
}

std::optional<double> Measurements::Value(AttemptId node) const {
  auto found = values_.find(node);
  if (found == values_.end()) return std::nullopt;
  for (const OrderedBag& scores : found->second) {
    if (scores.size() > 0) {
      return AggregateOf(spec_.evaluation.aggregation, scores);
    }
  }
  return std::nullopt;
}

std::optional<double> Measurements::Number(AttemptId node,
                                           const std::string& name) const {
  auto found = values_.find(node);
  if (found == values_.end()) return std::nullopt;
  int deciding = 0;
  while (deciding < kTiers &&
         found->second[static_cast<std::size_t>(deciding)].size() == 0)
    ++deciding;
  const NodeSamples& samples = nodes_.at(node);
  std::vector<double> numbers;
  for (const auto& [phase, all] : samples.metrics) {
    const std::vector<bool>& cached = samples.cached.at(phase);
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (TierOf(node, phase, cached[i]) != deciding) continue;
      auto number = all[i].find(name);
      if (number != all[i].end()) numbers.push_back(number->second);
    }
  }
  if (numbers.empty()) return std::nullopt;
  return Aggregate(std::move(numbers));
}

const NodeSamples* Measurements::Samples(AttemptId node) const {
  auto found = nodes_.find(node);
  return found == nodes_.end() ? nullptr : &found->second;
}

double Measurements::Noise(double value) const {
  return relative_ ? Sigma() * std::abs(value) : Sigma();
}

int Measurements::Repeats() const {
  constexpr int kNoisyRepeats = 5;
  return spec_.evaluation.repeats.value_or(noisy_ ? kNoisyRepeats : 1);
}

std::optional<double> Measurements::Score(
    const std::map<std::string, double>& metrics) const {
  if (!Usable(metrics)) return std::nullopt;
  if (!weighted_) return metrics.at(spec_.metric.name);
  if (reference_.empty()) return std::nullopt;
  double log_score = 0;
  double total = 0;
  for (const spec::Weight& weight : spec_.metric.weights) {
    const double ratio =
        std::log(metrics.at(weight.name) / reference_.at(weight.name));
    log_score += spec::Sign(weight.direction) * weight.weight * ratio;
    total += weight.weight;
  }
  return std::exp(log_score / total);
}

}  // namespace coppice::search
