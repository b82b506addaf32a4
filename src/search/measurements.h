#pragma once

#include <array>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/interned.h"
#include "base/outcome.h"
#include "eval/evaluator.h"
#include "search/measurements_noise.h"
#include "spec/spec.h"

// What was measured, and what follows from it (SPEC §5): scores, values,
// noise. Pure bookkeeping over samples; no decision is taken here.

namespace coppice::search {

// A of some scores, at least one. Of equal ones exactly their value.
double Aggregate(spec::Aggregation aggregation, std::vector<double> scores);

// What one sample said.
struct Reading {
  SamplePhase phase = SamplePhase::kScreen;
  bool cached = false;
  int index = 0;
  double score = 0;  // the metric, or the weighted score
  std::vector<std::pair<Interned, double>> metrics;
};

// The samples of one node.
struct NodeSamples {
  std::vector<Reading> readings;  // by phase, then by index

  std::vector<double> Scores(SamplePhase phase) const;
  std::map<SamplePhase, std::vector<double>> ScoresByPhase() const;
};

class Measurements {
 public:
  explicit Measurements(const spec::Spec& spec);

  // Takes a sample in; failed ones and those without the metric are ignored.
  // The same (node, phase, index) again replaces the earlier one.
  void Add(AttemptId node, const eval::Sample& sample);

  // v(x): A(confirm, canary and final samples) if any, fresh ones before cached
  // ones, else A(screen); v(baseline) = A(its samples). Samples of the holdout
  // and of `check`'s load probe never count.
  std::optional<double> Value(AttemptId node) const;
  // σ, pooled over all groups of 3 to 10 successive samples of one node in one
  // phase.
  double Sigma() const { return noise_.Sigma(); }
  // The same of the holdout's own samples.
  double HoldoutSigma() const { return holdout_noise_.Sigma(); }
  // noise(x): σ·|v(x)| where relative, else σ.
  double Noise(double value) const;
  bool relative() const { return relative_; }
  // R: spec's repeats; auto = 5 if two different samples of one tree were
  // seen, else 1.
  int Repeats() const;
  bool noisy() const { return noisy_; }

  // The score of one sample: the metric, or Π ratio^(w/Σw) to the baseline.
  std::optional<double> Score(
      const std::map<std::string, double>& metrics) const;
  // A of some scores, at least one.
  double Aggregate(std::vector<double> scores) const {
    return search::Aggregate(spec_.evaluation.aggregation, std::move(scores));
  }
  const NodeSamples* Samples(AttemptId node) const;
  // Of one sample; nothing if it failed or has no score.
  std::optional<double> ScoreAt(AttemptId node, SamplePhase phase,
                                int index) const;
  // Aggregate of one named number over the deciding samples of a node.
  std::optional<double> Number(AttemptId node, const std::string& name) const;

 private:
  // Which samples make the value: the first kind that there is.
  enum Tier { kFresh, kTakenOver, kScreened, kTiers };
  static Tier TierOf(AttemptId node, SamplePhase phase, bool cached);
  static bool IsNoise(SamplePhase phase, bool cached);
  using Tiers = std::array<OrderedBag, kTiers>;

  template <typename Number>
  bool Usable(const Number& number) const;
  template <typename Number>
  std::optional<double> ScoreOf(const Number& number) const;
  // A reading that is there replaces nothing; Leave comes before it goes.
  void Take(AttemptId node, Reading reading);
  void Leave(AttemptId node, const Reading& one);
  void CountNoise(AttemptId node, const Reading& one, int by);
  static Tier DecidingTier(AttemptId node, const NodeSamples& samples);
  void CountSign(double score, int by);
  void Rescore();

  // Constant.
  const spec::Spec& spec_;
  const bool weighted_;

  // Follow from the samples.
  NodeSamples& Of(AttemptId node);

  std::deque<NodeSamples> nodes_;              // by number
  std::unordered_map<AttemptId, Tiers> many_;  // of nodes with many samples
  std::map<std::string, double> reference_;    // of weights: baseline medians
  NoisePool noise_;
  NoisePool holdout_noise_;
  int positive_ = 0;  // samples of the baseline by sign
  int negative_ = 0;
  int zero_ = 0;
  bool relative_ = false;
  bool noisy_ = false;
};

}  // namespace coppice::search
