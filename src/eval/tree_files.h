#pragma once

#include <string_view>
#include <vector>

#include "base/workspaces.h"
#include "eval/metrics.h"

// Result files that a command leaves in its slot (`output: {file: GLOB}`):
// what tools write that know nothing of COPPICE_RESULT, such as Criterion.
// Blocking; no process runs in the slot meanwhile.

namespace coppice::eval {

// What an earlier command left there goes, so that it is never read again.
void RemoveTreeFiles(const WorkTree& tree, std::string_view glob);

// In order of their paths. The name of a benchmark stands in benchmark.json
// beside its file (Criterion), else several files are told apart by their
// paths.
std::vector<ResultFile> ReadTreeFiles(const WorkTree& tree,
                                      std::string_view glob);

}  // namespace coppice::eval
