#pragma once

#include <vector>

#include "base/rng.h"
#include "search/event.h"

namespace coppice::testing {

// One event of each kind, in the order of the variant, every field filled.
std::vector<search::Event> AllKinds();

// An event of any kind with odd strings and numbers in every field.
search::Event RandomEvent(Rng& rng);

}  // namespace coppice::testing
