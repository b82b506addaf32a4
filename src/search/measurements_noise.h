#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <tuple>
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
  double Mean() const;                // of equal numbers exactly that

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

  // Samples of one node in one phase, by the number of their group. A group
  // should be small: it is gone through for every sample that joins.
  using GroupId = std::tuple<AttemptId, SamplePhase, int>;

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
  };

  bool Counts(const Group& group) const;
  void Enter(Group& group);  // its residuals, after a change
  void Leave(const Group& group);

  bool relative_ = false;
  std::map<GroupId, Group> groups_;
  OrderedBag residuals_;
  mutable std::optional<double> sigma_;  // forgotten by every change
};

}  // namespace coppice::search
