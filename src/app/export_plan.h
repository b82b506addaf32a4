#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "app/commands.h"
#include "app/run_reader.h"
#include "base/ids.h"
#include "base/result.h"
#include "vcs/hunks.h"

namespace coppice::app {

// What `coppice export` was asked for, and where it stands.
struct ExportPlan {
  AttemptId node;
  ObjectId commit;  // of the node
  std::string branch;
  std::string mode;  // squash | stack | split
  ObjectId onto;
  std::string onto_name;
  bool moved = false;  // `onto` has other files than the base of the run
  // Why the node is no candidate for anything: it is exported as it stands.
  std::string failed;
  // How much better than the base it is on record, in the metric's unit;
  // nothing where it is not.
  std::optional<double> gain;
  std::vector<AttemptId> lineage;  // from the first step to the node
};
Result<ExportPlan> MakeExportPlan(ReadRun& run, const ExportOptions& options);

// One commit of the export: the change between two commits of ours.
struct ExportPart {
  ObjectId from, to;
  std::vector<std::size_t> hunks;   // of the whole change, ascending
  std::vector<AttemptId> attempts;  // where they come from, in order
};

// The change of a node, and that of each step of its lineage, all against the
// base.
struct ExportChange {
  const vcs::Hunks& hunks() const { return steps.back(); }

  ObjectId base;
  std::vector<AttemptId> lineage;
  std::vector<vcs::Hunks> steps;
};
Result<ExportChange> ReadChange(ReadRun& run, const ExportPlan& plan);

// The kept hunks as one part; as one for each step that did something where
// they are, each on top of the last; as one for each file, all on the base.
using MakeParts = Result<std::vector<ExportPart>>(
    const ExportChange& change, const std::vector<std::size_t>& kept);
MakeParts SquashParts, StackParts, SplitParts;

}  // namespace coppice::app
