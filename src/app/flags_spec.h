#pragma once

#include <string>

#include "app/commands.h"
#include "base/result.h"

namespace coppice::app {

// The spec that Weco's flags stand for (SET-05), as the text of a
// coppice.yaml. Errors (kUsage): a flag that is missing or cannot be meant.
Result<std::string> SpecFromFlags(const RunOptions::Flags& flags);

}  // namespace coppice::app
