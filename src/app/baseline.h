#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/project.h"
#include "app/warm_start.h"
#include "app/workbench.h"
#include "eval/baseline_lock.h"

namespace coppice::app {

// The measured base: what `check` makes and `run` starts from.
struct Baseline {
  eval::BaselineLock lock;
  std::vector<eval::Sample> samples;
  std::vector<eval::Sample> holdout;
  eval::BaselineReport report;
  // Of a baseline that was measured just now:
  bool measured_now = false;
  BuiltCheckout checkout;
  std::optional<double> clean;  // the metric without what a build left
};

// The lock file's baseline if it still holds; nothing otherwise, with the
// reasons in `why_not`.
Result<std::optional<Baseline>> UsableBaseline(
    const Project& project, const Workbench& bench,
    std::vector<std::string>& why_not);

// The baseline that a lock tells of; whether it still holds is not asked.
Baseline BaselineFrom(const spec::Spec& spec, eval::BaselineLock lock);

// At least five samples in processes of their own; writes baseline.lock.
// Errors (kCheck): a phase that fails, a gate that does not hold, more noise
// than the given min_improvement can stand, another value in a clean checkout.
Task<Result<Baseline>> MeasureBaseline(Project& project, Workbench& bench);

// What follows from its samples: gates, noise against min_improvement.
Result<void> JudgeBaseline(const spec::Spec& spec, const Baseline& baseline);

}  // namespace coppice::app
