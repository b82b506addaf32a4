#pragma once

#include "study/simulated_search.h"

namespace coppice::study {

// Races the best of a finished search on `budget` fresh measurements, by the
// rule of a real search (search/decide.h): sets what is best, and claims what
// the race alone has measured.
void Race(const SimulationOptions& options, int budget, Simulated& run);

}  // namespace coppice::study
