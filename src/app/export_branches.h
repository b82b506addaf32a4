#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/export_text.h"

namespace coppice::app {

// What an export makes: one branch, or those of a split.
struct ExportBranch {
  std::string name;
  std::vector<ExportPart> parts;
  std::vector<ObjectId> commits;  // oldest first; the last is the branch's tip
};

struct ExportWork {
  const Global& global;
  ReadRun& run;
  const ExportPlan& plan;
  ExportChange change;
  bool minimise = true;

  // What has become of it.
  std::optional<Minimised> minimised;
  std::vector<ExportBranch> branches;
  std::optional<Evidence> evidence;
  int interrupted = 0;  // the signal that ended it

  const vcs::Hunks& hunks() const { return change.hunks(); }
  ExportStory StoryOf(const ExportBranch& branch) const;
};

// Minimises, verifies and composes the commits, in our own store; the user's
// repository is as it was.
Result<void> PrepareBranches(ExportWork& work);

}  // namespace coppice::app
