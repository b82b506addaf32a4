#pragma once

#include <string>
#include <vector>

#include "app/embedded_files.h"
#include "app/init_draft.h"
#include "base/result.h"

namespace coppice::app {

// The files that a template ("plain" without one) writes for a draft, with
// coppice.yaml first. kInternal: no such template.
Result<std::vector<EmbeddedFile>> FilesOf(const SpecDraft& draft,
                                          const std::string& name);

// Asks at most eight questions on the terminal, each with a default; nothing
// said keeps it. Changes the draft, and chooses the template.
void Interview(SpecDraft& draft, std::string& name);

}  // namespace coppice::app
