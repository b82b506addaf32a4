#pragma once

#include <string>
#include <vector>

#include "app/commands.h"
#include "base/result.h"
#include "study/simulate.h"

namespace coppice::app {

// What the flags ask, with what has to be said beside the answer.
struct Asked {
  study::Question question;
  std::vector<std::string> notes;
  std::string unit;  // of a run on record: its metric
};

// Every mistake in names and numbers is found here, before anything runs.
Result<Asked> QuestionOf(const Global& global, const SimulateOptions& options);

// Names that --policy takes, for --help.
std::vector<std::string> PolicyNames();

}  // namespace coppice::app
