#pragma once

#include <vector>

#include "base/json.h"
#include "spec/findings.h"
#include "spec/load.h"

namespace coppice::spec {

// Short forms that other steps need in full: `evaluation: cmd` becomes a map,
// and numbers that are written into files or variables keep their digits.
void ExpandShorthands(Json& root, const Source& source);

// Sets each dotted path, in order; maps on the way are made. What an override
// brings in is found at "--set KEY".
void ApplyOverrides(const std::vector<Override>& overrides, Json& root,
                    Source& source, Findings& findings);

}  // namespace coppice::spec
