#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "app/export_bench.h"
#include "app/export_plan.h"
#include "base/result.h"
#include "vcs/hunks.h"

namespace coppice::app {

struct Minimised {
  std::vector<std::size_t> kept;  // hunks that matter
  int evaluated = 0;              // parts judged now
  int known = 0;                  // parts judged by an earlier export
  std::size_t undecided = 0;      // hunks that the limit left unasked
};

// Leaves out what the gain does not need (EXP-03). Each part is built, checked
// and measured in turns with the whole; it is good if it passes and keeps the
// gain within the threshold. Answers are kept beside the run, so that it goes
// on where it was. `say` hears one line an answer. Errors: the node itself
// fails now, or our own fault.
Task<Result<Minimised>> Minimise(ExportBench& bench, const ExportPlan& plan,
                                 const vcs::Hunks& hunks,
                                 std::function<void(const std::string&)> say);

}  // namespace coppice::app
