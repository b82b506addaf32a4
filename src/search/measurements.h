#pragma once

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "base/outcome.h"
#include "eval/evaluator.h"
#include "spec/spec.h"

// What was measured, and what follows from it (SPEC §5): scores, values,
// noise. Pure bookkeeping over samples; no decision is taken here.

namespace coppice::search {

// The samples of one node, as scores (metric, or weighted score), by phase.
struct NodeSamples {
  std::map<SamplePhase, std::vector<double>> scores;
  std::map<SamplePhase, std::vector<std::map<std::string, double>>> metrics;
  std::map<SamplePhase, std::vector<bool>> cached;
};

class Measurements {
 public:
  explicit Measurements(const spec::Spec& spec);

  // Takes a sample in; failed ones and those without the metric are ignored.
  // The same (node, phase, index) again replaces the earlier one.
  void Add(AttemptId node, const eval::Sample& sample);

  // v(x): A(confirm, canary and final samples) if any, else A(screen);
  // v(baseline) = A(its baseline, canary and final samples).
  std::optional<double> Value(AttemptId node) const;
  // σ, pooled over all groups of n ≥ 3 samples of one node in one phase.
  double Sigma() const;
  // noise(x): σ·|v(x)| where relative, else σ.
  double Noise(double value) const;
  bool relative() const;
  // R: spec's repeats; auto = 5 if two different samples of one tree were
  // seen, else 1.
  int Repeats() const;
  bool noisy() const;

  // The score of one sample: the metric, or Π ratio^(w/Σw) to the baseline.
  std::optional<double> Score(const std::map<std::string, double>& metrics) const;
  // A of some scores.
  double Aggregate(std::vector<double> scores) const;
  const NodeSamples* Samples(AttemptId node) const;
  // Aggregate of one named number over the deciding samples of a node.
  std::optional<double> Number(AttemptId node, const std::string& name) const;

 private:
  const spec::Spec& spec_;
  std::unordered_map<AttemptId, NodeSamples> nodes_;
  // Owner of this room: add what is needed; Sigma must not cost more as the
  // run grows (update per sample).
};

}  // namespace coppice::search
