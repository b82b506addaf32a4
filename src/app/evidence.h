#pragma once

#include <memory>
#include <optional>

#include "app/places.h"
#include "report/verify.h"
#include "vcs/store.h"

namespace coppice::app {

// A run on disk as the checker reads it: its journal, read-only, and git.
// `until`: only records up to that number.
Result<std::unique_ptr<report::Evidence>> GatherEvidence(
    const vcs::RepositoryPlaces& places, const RunPlace& run,
    std::optional<std::int64_t> until);

}  // namespace coppice::app
