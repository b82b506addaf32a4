#pragma once

#include <string>

#include "base/clock.h"
#include "search/state.h"

// The sections of report.md, each as Markdown without its heading; empty when
// there is nothing to say.

namespace coppice::report {

std::string ResultSection(const search::State& state);
// Said plainly (RES-08): the noise floor, what was better but within noise,
// failure counts.
std::string NoImprovementSection(const search::State& state);
// What limited the search, and what to try next.
std::string LimitsSection(const search::State& state, WallTime now);
std::string NextSection(const search::State& state);
std::string ApproachesSection(const search::State& state);
std::string WhySection(const search::State& state);
std::string VerificationSection(const search::State& state);
std::string EffortSection(const search::State& state);
std::string EnvironmentSection(const search::State& state);
std::string ApprovalSection(const search::State& state);

}  // namespace coppice::report
