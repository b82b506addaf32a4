#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "spec/spec.h"

// Which numbers a judge fills in (SPEC §6), by name: judge_score and whatever
// else begins with judge_, mean_score, mean_<field> for a field of its answers,
// pct_<n>plus. With a judge in the spec these names are its own. One whose
// primary is win_rate compares each text with the base's instead of scoring it
// (MEASURE §12, pairwise rubrics), and fills in that name.

namespace coppice::spec {

inline constexpr std::string_view kJudgeScore = "judge_score";
inline constexpr std::string_view kWinRate = "win_rate";

// Is its rubric one for pairs?
bool JudgesPairs(const Judge& judge);

// False without a judge.
bool FilledByJudge(const Spec& spec, std::string_view name);

// n of pct_<n>plus.
std::optional<double> ThresholdOf(std::string_view name);
// <field> of mean_<field>, but for mean_score.
std::optional<std::string> FieldOf(std::string_view name);

// The judge's names that the spec uses anywhere, judge.primary among them;
// sorted.
std::vector<std::string> JudgeNames(const Spec& spec);

// The scale of its scores: metric.range where that is the range of a mean
// score, else 0 to 10. Of a judge of pairs it is that of the anchors alone.
struct JudgeScale {
  double low = 0;
  double high = 10;
};
JudgeScale ScaleOf(const Spec& spec);

// Tracked files that the rubrics are read from ("@rubric.md").
std::vector<std::string> RubricFiles(const Spec& spec);

}  // namespace coppice::spec
