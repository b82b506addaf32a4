#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "spec/spec.h"

namespace coppice::spec {

// What no schema can say of the key `judge`. Errors (kUsage, all at once):
// nothing uses its numbers, an anchor off the scale, two strata of one bucket.
Result<void> CheckJudge(const Spec& spec);

// A judge of a proposer's own model family, one that only the budget of the
// run holds back, one that nobody checks.
std::vector<std::string> JudgeWarnings(const Spec& spec);

}  // namespace coppice::spec
