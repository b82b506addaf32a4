#pragma once

#include "spec/findings.h"
#include "spec/study.h"

namespace coppice::spec {

// What no schema can say: whether such a study could tell anything.
// `source` knows the places of the file that `study` was made of.
void CheckStudy(const Study& study, const Source& source, Findings& findings);

}  // namespace coppice::spec
