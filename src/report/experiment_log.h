#pragma once

#include <string>

#include "search/state.h"

namespace coppice::report {

// experiment-log.yaml: spec, baseline, experiments[] and best under the keys
// that CE-optimize's readers know. coppice has no batches: every attempt is a
// batch of its own. Its own word for the outcome stands in `coppice_outcome`.
std::string ExperimentLog(const search::State& state);

}  // namespace coppice::report
