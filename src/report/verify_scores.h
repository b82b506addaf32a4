#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "spec/spec.h"

// What samples come to (SPEC §5), told a second time for the checker: plainly,
// from scratch at every question.

namespace coppice::report {

struct CheckedSample {
  std::string phase;
  std::int64_t index = 0;
  std::int64_t versus = -1;
  bool cached = false;
  bool failed = false;
  std::string failure;  // the outcome that it says; empty: lost
  std::map<std::string, double> metrics;
};

class CheckedScores {
 public:
  explicit CheckedScores(const spec::Spec& spec) : spec_(spec) {}

  // The same (phase, index, versus) of a node replaces the earlier one.
  void Add(std::int64_t node, CheckedSample sample);

  const std::vector<CheckedSample>& Of(std::int64_t node) const;
  std::optional<double> Score(const CheckedSample& sample) const;
  std::optional<double> Value(std::int64_t node) const;
  // Of one named number, over the samples that make the value.
  std::optional<double> Number(std::int64_t node,
                               const std::string& name) const;
  double Sigma() const;
  bool Relative() const;
  int Repeats() const;
  double Aggregate(std::vector<double> values) const;

 private:
  std::vector<const CheckedSample*> Deciding(std::int64_t node) const;

  const spec::Spec& spec_;
  std::map<std::int64_t, std::vector<CheckedSample>> samples_;
  bool noisy_ = false;  // two different samples of one node, ever
};

}  // namespace coppice::report
