#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/result.h"
#include "search/cache.h"

namespace coppice::search {

// cache.db, shared by all runs of a repository: samples by tree, digest of the
// evaluation and digest of the environment. Makes the file if there is none.
// Reading or storing that fails later is logged and treated as not known.
Result<std::unique_ptr<MeasurementCache>> OpenCache(
    const std::filesystem::path& path, std::string evaluation,
    std::string environment);

}  // namespace coppice::search
