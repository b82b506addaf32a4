#pragma once

#include <memory>

#include "search/policy.h"

namespace coppice::search {

// `in_flight`: attempts a chain may have under way. More than one is the
// (1+λ) form of studies; a search has one.
std::unique_ptr<Policy> MakeLinear(const spec::Spec& spec, int in_flight = 1);

}  // namespace coppice::search
