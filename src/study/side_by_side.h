#pragma once

#include <optional>
#include <vector>

#include "base/task.h"
#include "search/search.h"
#include "study/turnstile.h"

namespace coppice::study {

// The searches of one seed. Borrowed.
struct Runner {
  search::Search* search = nullptr;
  Turnstile::Place* place = nullptr;
  bool ended = false;  // nothing of it is left to be run
};

// Did a search that ended like this have its whole budget?
bool IsWhole(int exit);

// Runs them to their ends, together. As soon as one stops before its end, the
// others are asked to stop as well; how that one stopped, or nothing.
Task<std::optional<search::Ending>> RunTogether(asio::any_io_executor executor,
                                                std::vector<Runner> runners);

// Fresh samples of what each search found best, and of the base (in the first
// search): the first sample of all, the second of all, ..., each starting with
// another search, so that drift meets all alike. Those on record count. False:
// one could not be taken.
Task<bool> MeasureWinners(std::vector<search::Search*> searches, int samples);

// The node that such samples are of, or will be.
AttemptId WinnerOf(const search::State& state);
// Samples that were taken of a node after its search, failed ones included.
std::vector<search::Sampled> FreshSamples(const search::State& state,
                                          AttemptId node);

}  // namespace coppice::study
