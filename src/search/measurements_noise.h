#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/outcome.h"

namespace coppice::search {

// Numbers in order; equal ones as often as they were inserted. Sorted blocks
// of bounded size: an insertion moves at most one block.
class OrderedBag {
 public:
  void Insert(double x);
  void Erase(double x);  // one of its copies; it must be there
  std::size_t size() const { return size_; }
  double At(std::size_t rank) const;  // 0 = the smallest
  std::size_t CountAtMost(double x) const;
  double Mean() const;  // of equal numbers exactly that

 private:
  std::vector<std::vector<double>> blocks_;  // none empty
  std::size_t size_ = 0;
};

// The pooled robust σ of SPEC §5 "Noise", kept up to date sample by sample. The
// cost of a sample depends on its own group alone, not on the run.
class NoisePool {
 public:
  NoisePool() = default;
  NoisePool(NoisePool&&) = default;
  NoisePool& operator=(NoisePool&&) = default;

  // The samples of one node in one phase.
  using GroupId = std::pair<AttemptId, SamplePhase>;

  void Insert(GroupId id, double sample);
  void Erase(GroupId id, double sample);  // it must be there
  // Residuals are divided by |mean(group)|. Costs a pass over everything.
  void SetRelative(bool relative);
  // 0 while no group has three samples.
  double Sigma() const;

 private:
  struct Group {
    std::vector<double> sorted;
    double pivot = 0;  // the first sample ever
    double sum = 0;    // of the distances to it
    double mean = 0;
    double factor = 0;  // residual = |x - mean| * factor
    double Residual(double x) const;
    std::size_t CountAtMost(double residual) const;
  };

  bool Counts(const Group& group) const;
  void Enter(GroupId id, Group& group);  // its residuals, after a change
  void Leave(GroupId id, const Group& group);
  std::size_t CountAtMost(double residual) const;
  double Kth(std::size_t rank) const;

  bool relative_ = false;
  std::map<GroupId, Group> groups_;
  OrderedBag residuals_;                   // of the small groups
  std::map<GroupId, const Group*> large_;  // ranked where they stand
  std::size_t count_ = 0;                  // residuals of all groups
  mutable std::optional<double> sigma_;    // forgotten by every change
};

}  // namespace coppice::search
