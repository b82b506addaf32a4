#pragma once

#include <memory>

#include "search/policy.h"
#include "spec/spec.h"

namespace coppice::search {

// SEARCH.md §2.6.
std::unique_ptr<Policy> MakeRank(const spec::Spec& spec);

}  // namespace coppice::search
