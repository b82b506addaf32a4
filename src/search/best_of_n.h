#pragma once

#include <memory>

#include "search/policy.h"

namespace coppice::search {

std::unique_ptr<Policy> MakeBestOfN(const spec::Spec& spec);

}  // namespace coppice::search
