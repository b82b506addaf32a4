#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "app/preflight.h"
#include "app/project.h"
#include "spec/study.h"

// What a study will do, as far as that can be said before anything is spent.

namespace coppice::app {

struct ComparePlan {
  spec::Study study;
  std::string text;                // of the file
  std::filesystem::path file;      // absolute
  std::vector<spec::Loaded> arms;  // the spec as each arm has it; seed 0
};

// Reads and judges the file alone.
Result<ComparePlan> ReadPlan(const std::string& file);

// Budgets of every search: the equal resource and nothing else, but for what
// the whole study may cost.
Overrides BudgetsOf(const spec::Study& study);
std::filesystem::path SpecOf(const ComparePlan& plan);

// Fills the arms from the spec; every error at its arm.
Result<void> PlanArms(ComparePlan& plan, const spec::Loaded& base);

// For people: arms, searches, forecast, and what so many seeds can find.
std::vector<std::string> PlanLines(const ComparePlan& plan,
                                   const Preflight& preflight);

}  // namespace coppice::app
