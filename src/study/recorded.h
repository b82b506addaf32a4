#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/outcome.h"
#include "base/result.h"
#include "base/rng.h"
#include "search/state.h"
#include "study/landscape.h"

namespace coppice::study {

// What one attempt of a run met. Qualities rise with what the metric wants.
struct RecordedAttempt {
  Outcome outcome = Outcome::kValid;
  bool works = true;     // measured, and may be improved
  double depth = 0;      // of its parent
  double from = 0;       // quality of its parent
  double gain = 0;       // over the parent; of working ones
  double proposing = 0;  // seconds
  double evaluating = 0;
};

// A model of the task of a run on record: what grows from a solution is drawn
// from what grew, in that run, from solutions of like quality and depth. It
// knows nothing that nobody tried: no gain larger than those seen, none beyond
// the best parents but what those got, and repairs, restarts and prompts work
// as well or badly as they did under the run's own policy.
class RecordedRun {
 public:
  // kUsage: too little on record to draw from.
  static Result<RecordedRun> Read(const search::State& state);

  int sign() const { return sign_; }             // of the metric's direction
  double baseline() const { return baseline_; }  // a quality
  double best() const { return best_; }          // of the run
  double most() const { return most_; }          // no draw gets beyond
  double noise() const { return noise_; }        // of one measurement
  int attempts() const { return static_cast<int>(all_.size()); }
  std::string Mix() const;  // what there is, in a line
  // From quality to the metric and back.
  double Metric(double quality) const;
  double Quality(double metric) const;

  // Fills what became of the child of these parents.
  void Grow(Operator op, std::span<const Truth> parents, Truth& made,
            Rng& rng) const;
  const RecordedAttempt& of(const Truth& truth) const {
    return all_[truth.code];
  }

 private:
  enum Kind { kDraft, kImprove, kRepair, kTune, kMerge, kKinds };
  static Kind KindOf(Operator op, bool from_root);
  void Add(const search::State& state, AttemptId attempt);
  std::optional<double> QualityOf(const search::State& state,
                                  NodeId node) const;
  // The kind itself, or what comes nearest among those on record.
  const std::vector<std::uint32_t>& Like(Kind kind) const;
  std::uint32_t Draw(const std::vector<std::uint32_t>& among,
                     const Truth& parent, bool working, Rng& rng) const;

  int sign_ = 1;           // of the direction
  bool relative_ = false;  // qualities are logarithms
  int side_ = 1;           // of the metric's values, where relative
  double baseline_ = 0;
  double best_ = 0;
  double most_ = 0;
  double deepest_ = 1;
  double noise_ = 0;
  std::vector<RecordedAttempt> all_;
  std::array<std::vector<std::uint32_t>, kKinds> by_kind_;
  std::array<std::vector<std::uint32_t>, kKinds> working_;
};

// The landscape of a run; what counts as solved is its best.
Result<Landscape> RecordedLandscape(const search::State& state);

}  // namespace coppice::study
