#include "search/measurements.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace coppice::search {
namespace {

constexpr AttemptId kBaselineNode(0);
constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();

auto InMap(const std::map<std::string, double>& metrics) {
  return [&metrics](const std::string& name) -> std::optional<double> {
    auto found = metrics.find(name);
    if (found == metrics.end()) return std::nullopt;
    return found->second;
  };
}

auto InReading(const Reading& reading) {
  return [&reading](const std::string& name) -> std::optional<double> {
    for (const auto& [own, value] : reading.metrics) {
      if (own == name) return value;
    }
    return std::nullopt;
  };
}

std::pair<SamplePhase, int> PlaceOf(const Reading& reading) {
  return {reading.phase, reading.index};
}

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
constexpr int kLargestGroup = 10;
NoisePool::GroupId GroupOf(AttemptId node, const Reading& one) {
  return {node, one.phase, one.index / kLargestGroup};
}
// What a group needs to say anything; most nodes never have so many.
constexpr std::size_t kSmallestGroup = 3;

// From here on the samples of a node are kept in order.
constexpr std::size_t kMany = 32;

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

std::vector<double> NodeSamples::Scores(SamplePhase phase) const {
  std::vector<double> scores;
  for (const Reading& one : readings) {
    if (one.phase == phase) scores.push_back(one.score);
  }
  return scores;
}

std::map<SamplePhase, std::vector<double>> NodeSamples::ScoresByPhase() const {
  std::map<SamplePhase, std::vector<double>> scores;
  for (const Reading& one : readings) scores[one.phase].push_back(one.score);
  return scores;
}

Measurements::Measurements(const spec::Spec& spec)
    : spec_(spec), weighted_(!spec.metric.weights.empty()) {}

void Measurements::Add(AttemptId node, const eval::Sample& sample) {
  if (sample.failure || sample.verdict != Verdict::kOk) return;
  const SamplePhase phase = sample.phase;
  const bool reference = weighted_ && node == kBaselineNode &&
                         phase == SamplePhase::kBaseline &&
                         Usable(InMap(sample.metrics));
  const std::optional<double> score = Score(sample.metrics);
  if (!score && !reference) return;

  Reading reading{.phase = phase,
                  .cached = sample.cached,
                  .index = sample.index,
                  .score = score.value_or(1)};
  reading.metrics.assign(sample.metrics.begin(), sample.metrics.end());
  std::vector<Reading>& readings = Of(node).readings;
  auto at = std::ranges::lower_bound(readings, PlaceOf(reading), {}, PlaceOf);
  if (at != readings.end() && PlaceOf(*at) == PlaceOf(reading)) {
    if (!reference) Leave(node, *at);
    at = readings.erase(at);
  }
  if (reference) {
    readings.insert(at, std::move(reading));
    Rescore();
  } else {
    Take(node, std::move(reading));
  }
}

// `number` gives a metric by name, if it was printed.
template <typename Number>
bool Measurements::Usable(const Number& number) const {
  if (!weighted_) {
    return std::isfinite(number(spec_.metric.name).value_or(kNothing));
  }
  return std::ranges::all_of(spec_.metric.weights, [&](const spec::Weight& w) {
    const double value = number(w.name).value_or(kNothing);
    return std::isfinite(value) && value > 0;
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

void Measurements::Take(AttemptId node, Reading reading) {
  std::vector<Reading>& readings = Of(node).readings;
  auto before =
      std::ranges::lower_bound(readings, PlaceOf(reading), {}, PlaceOf);
  const Reading& one = *readings.insert(before, std::move(reading));
  auto keep = [&](const Reading& r) {
    const Tier tier = TierOf(node, r.phase, r.cached);
    if (tier != kTiers) many_[node][tier].Insert(r.score);
  };
  if (many_.contains(node)) {
    keep(one);
  } else if (readings.size() >= kMany) {
    std::ranges::for_each(readings, keep);
  }
  CountNoise(node, one, +1);
  if (!IsMeasurement(one.phase)) return;
  if (node == kBaselineNode) CountSign(one.score, +1);
  noisy_ = noisy_ || std::ranges::any_of(readings, [&](const Reading& r) {
             return IsMeasurement(r.phase) && r.score != one.score;
           });
}

void Measurements::Leave(AttemptId node, const Reading& one) {
  const Tier tier = TierOf(node, one.phase, one.cached);
  auto many = many_.find(node);
  if (many != many_.end() && tier != kTiers)
    many->second[tier].Erase(one.score);
  CountNoise(node, one, -1);
  if (IsMeasurement(one.phase) && node == kBaselineNode) {
    CountSign(one.score, -1);
  }
}

// A group enters the pool with its third sample, all three at once, and leaves
// it with them.
void Measurements::CountNoise(AttemptId node, const Reading& one, int by) {
  const bool holdout = one.phase == SamplePhase::kHoldout;
  if (!holdout && !IsMeasurement(one.phase)) return;
  auto counts = [&](const Reading& r) {
    return holdout ? !r.cached : IsNoise(r.phase, r.cached);
  };
  if (!counts(one)) return;
  NoisePool& pool = holdout ? holdout_noise_ : noise_;
  const std::vector<Reading>& readings = Of(node).readings;
  const int first = one.index / kLargestGroup * kLargestGroup;
  auto at = std::ranges::lower_bound(readings, std::pair(one.phase, first), {},
                                     PlaceOf);
  std::vector<double> group;
  for (; at != readings.end() && GroupOf(node, *at) == GroupOf(node, one);
       ++at) {
    if (counts(*at)) group.push_back(at->score);
  }
  if (group.size() < kSmallestGroup) return;
  if (group.size() > kSmallestGroup) group = {one.score};
  for (double score : group) {
    by > 0 ? pool.Insert(GroupOf(node, one), score)
           : pool.Erase(GroupOf(node, one), score);
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
  for (const spec::Weight& weight : spec_.metric.weights) {
    std::vector<double> values;
    for (const Reading& one : Of(kBaselineNode).readings) {
      if (one.phase != SamplePhase::kBaseline) continue;
      values.push_back(*InReading(one)(weight.name));
    }
    reference_[weight.name] = Median(std::move(values));
  }
  many_.clear();
  noise_ = NoisePool();
  holdout_noise_ = NoisePool();
  positive_ = negative_ = zero_ = 0;
  relative_ = false;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    std::vector<Reading> readings;
    readings.swap(nodes_[i].readings);
    for (Reading& one : readings) {
      one.score = *ScoreOf(InReading(one));
      Take(AttemptId(static_cast<std::int64_t>(i)), std::move(one));
    }
  }
}

Measurements::Tier Measurements::DecidingTier(AttemptId node,
                                              const NodeSamples& samples) {
  Tier first = kTiers;
  for (const Reading& one : samples.readings) {
    first = std::min(first, TierOf(node, one.phase, one.cached));
  }
  return first;
}

std::optional<double> Measurements::Value(AttemptId node) const {
  const spec::Aggregation aggregation = spec_.evaluation.aggregation;
  if (auto many = many_.find(node); many != many_.end()) {
    for (const OrderedBag& scores : many->second) {
      if (scores.size() > 0) return AggregateOf(aggregation, scores);
    }
  }
  const NodeSamples* samples = Samples(node);
  if (samples == nullptr) return std::nullopt;
  const Tier deciding = DecidingTier(node, *samples);
  if (deciding == kTiers) return std::nullopt;
  std::vector<double> scores;
  for (const Reading& one : samples->readings) {
    if (TierOf(node, one.phase, one.cached) == deciding) {
      scores.push_back(one.score);
    }
  }
  std::ranges::sort(scores);  // as a mean over many goes through them
  return Aggregate(std::move(scores));
}

std::optional<double> Measurements::Number(AttemptId node,
                                           const std::string& name) const {
  const NodeSamples* samples = Samples(node);
  if (samples == nullptr) return std::nullopt;
  const Interned wanted(name);
  const Tier deciding = DecidingTier(node, *samples);
  std::vector<double> numbers;
  for (const Reading& one : samples->readings) {
    if (deciding == kTiers || TierOf(node, one.phase, one.cached) != deciding) {
      continue;
    }
    auto own = std::ranges::find(one.metrics, wanted,
                                 &std::pair<Interned, double>::first);
    if (own != one.metrics.end()) numbers.push_back(own->second);
  }
  if (numbers.empty()) return std::nullopt;
  return Aggregate(std::move(numbers));
}

std::optional<double> Measurements::ScoreAt(AttemptId node, SamplePhase phase,
                                            int index) const {
  const NodeSamples* samples = Samples(node);
  if (samples == nullptr) return std::nullopt;
  auto at = std::ranges::lower_bound(samples->readings, std::pair(phase, index),
                                     {}, PlaceOf);
  if (at == samples->readings.end() ||
      PlaceOf(*at) != std::pair(phase, index)) {
    return std::nullopt;
  }
  return at->score;
}

const NodeSamples* Measurements::Samples(AttemptId node) const {
  const auto index = static_cast<std::size_t>(node.value());
  if (index >= nodes_.size() || nodes_[index].readings.empty()) return nullptr;
  return &nodes_[index];
}

NodeSamples& Measurements::Of(AttemptId node) {
  const auto index = static_cast<std::size_t>(node.value());
  if (index >= nodes_.size()) nodes_.resize(index + 1);
  return nodes_[index];
}

double Measurements::Noise(double value) const {
  return relative_ ? Sigma() * std::abs(value) : Sigma();
}

int Measurements::Repeats() const {
  constexpr int kNoisyRepeats = 5;
  return spec_.evaluation.repeats.value_or(noisy_ ? kNoisyRepeats : 1);
}

template <typename Number>
std::optional<double> Measurements::ScoreOf(const Number& number) const {
  if (!Usable(number)) return std::nullopt;
  if (!weighted_) return number(spec_.metric.name);
  if (reference_.empty()) return std::nullopt;
  double log_score = 0;
  double total = 0;
  for (const spec::Weight& weight : spec_.metric.weights) {
    const double ratio =
        std::log(*number(weight.name) / reference_.at(weight.name));
    log_score += spec::Sign(weight.direction) * weight.weight * ratio;
    total += weight.weight;
  }
  return std::exp(log_score / total);
}

std::optional<double> Measurements::Score(
    const std::map<std::string, double>& metrics) const {
  return ScoreOf(InMap(metrics));
}

}  // namespace coppice::search
