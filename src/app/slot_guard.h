#pragma once

#include <string_view>

#include "base/result.h"

namespace coppice::app {

// An error within a proposer's slot, where no search may start (SPEC §2):
// `what` is what would have been.
Result<void> MustNotBeASlot(std::string_view what);

}  // namespace coppice::app
