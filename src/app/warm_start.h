#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "app/workbench.h"
#include "base/task.h"
#include "eval/baseline_lock.h"
#include "eval/evaluator.h"

// Slots begin with what setup and build left, so that builds are incremental.
// Whether a measurement may rest on that is found by taking one without.

namespace coppice::app {

// The built checkout of the base that slots begin from.
struct BuiltCheckout {
  std::uint64_t bytes = 0;  // on disk
  // Untracked directories, the topmost ones, and untracked files beside
  // tracked ones.
  std::vector<std::string> left;
};
BuiltCheckout LookAtCheckout(const std::filesystem::path& checkout,
                             const std::set<std::string>& tracked,
                             const std::vector<std::string>& copied);

// The metric of the base in a checkout of its own. One sample, if it agrees
// with `warm` within the noise. Else both are measured afresh, in turns, for a
// host has moods: they differ if all five of one lie on one side of all five
// of the other (1 in 126 by chance) and so do their medians, by more than 2 %
// and 6 noise / sqrt(n), the noise term of SPEC §5. A metric without noise
// differs with one sample.
struct CleanValue {
  double value = 0;
  double warm = 0;  // what it was compared with
  bool differs = false;
  std::optional<eval::Failure> failure;
};
Task<CleanValue> MeasureClean(const spec::Spec& spec, Workbench& bench,
                              ObjectId base,
                              const std::vector<eval::Sample>& warm);

// kCheck, naming what `left` lists (or evaluation.keep, if set), if the two
// differ.
Result<void> JudgeClean(const spec::Spec& spec, const CleanValue& clean,
                        const std::vector<std::string>& left);

}  // namespace coppice::app
