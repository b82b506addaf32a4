#pragma once

#include "base/json.h"
#include "spec/findings.h"

namespace coppice::spec {

// Rules between keys. Takes any JSON: what the schema refuses is left to it.
void CheckCrossRules(const Json& root, const Source& source,
                     Findings& findings);

}  // namespace coppice::spec
