#include "app/slot_guard.h"

#include <fmt/format.h>
#include <stdlib.h>

namespace coppice::app {

Result<void> MustNotBeASlot(std::string_view what) {
  if (getenv("COPPICE_ACTIVE") == nullptr) return Ok();
  return Error{.code = ErrorCode::kUsage,
               .what = fmt::format("this is a proposer's slot: coppice does "
                                   "not start a {} within a search",
                                   what),
               .cause = "COPPICE_ACTIVE is set"};
}

}  // namespace coppice::app
