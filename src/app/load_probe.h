#pragma once

#include <functional>
#include <string>
#include <vector>

#include "app/load_verdict.h"
#include "app/workbench.h"
#include "base/task.h"

namespace coppice::app {

// Measures the base by `wanted` sessions at once, each in a slot of its own,
// then by half as many, down to 1 (MEA-29). `solo` are samples of the base
// taken alone just now; without any, five are taken first. The workbench must
// have a slot for each session; `say` is told what is tried. Errors: kLost if
// it was interrupted, kCheck if the base fails alone.
Task<Result<eval::SlotsTried>> ProbeLoad(
    const spec::Spec& spec, Workbench& bench, ObjectId base,
    std::vector<eval::Sample> solo, int wanted,
    std::function<void(const std::string&)> say);

}  // namespace coppice::app
