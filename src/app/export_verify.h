#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "app/export_bench.h"
#include "app/export_plan.h"
#include "base/result.h"
#include "vcs/hunks.h"

namespace coppice::app {

// Fresh samples of what an export starts from and of what it makes, in turns.
struct FreshSamples {
  std::vector<double> before, after;
  double before_value = 0, after_value = 0;
};
struct Evidence : FreshSamples {
  std::optional<FreshSamples> holdout;  // where the spec has one
};

// Builds, checks and measures the commit in a clean checkout (EXP-06); an
// error if it does not pass, or does not bear the node out: on the base of the
// run the gain on record must be there, on a moved one still a gain, and the
// holdout must not be worse (SPEC §5, step 5). Nothing is announced that fails
// here.
Task<Result<Evidence>> Verify(ExportBench& bench, const ExportPlan& plan,
                              ObjectId commit);

// Where a part of the run's base stands on what the export starts from.
using Place = std::function<Result<ObjectId>(ObjectId part)>;

// Every commit of a stack builds and passes its checks: one that does not by
// itself becomes one with the next.
Task<Result<std::vector<ExportPart>>> FoldBroken(ExportBench& bench,
                                                 const ExportPlan& plan,
                                                 std::vector<ExportPart> parts,
                                                 Place place);

// Parts that do not pass by themselves become one; if that does not, all do.
Task<Result<std::vector<ExportPart>>> JoinBroken(ExportBench& bench,
                                                 const ExportPlan& plan,
                                                 const vcs::Hunks& hunks,
                                                 std::vector<ExportPart> parts,
                                                 Place place);

}  // namespace coppice::app
