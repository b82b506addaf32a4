#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/export_minimise.h"
#include "app/export_plan.h"
#include "app/export_verify.h"
#include "vcs/hunks.h"

namespace coppice::app {

// What an export has to tell (SPEC §4, EXP-04). Texts of models pass through
// as data: one line, or escaped.
struct ExportStory {
  const search::State& state;
  const ExportPlan& plan;
  const vcs::Hunks& hunks;
  std::string branch;
  std::vector<ExportPart> parts;      // its commits
  std::vector<std::string> together;  // all branches of a split
  std::optional<Minimised> minimised;
  std::optional<Evidence> evidence;  // nothing for a node that failed
};

// "seconds 12.41 -> 9.87 (-20.5%), n 5+5, noise 0.5%"
std::string MetricText(const ExportStory& story);
// The message of one commit of the export; the last has the metric.
std::string CommitMessage(const ExportStory& story, std::size_t part);
// What the request is called, and what it says, in Markdown.
std::string RequestTitle(const ExportStory& story);
std::string RequestText(const ExportStory& story);

}  // namespace coppice::app
