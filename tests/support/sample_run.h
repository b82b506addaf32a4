#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "search/event.h"
#include "search/state.h"

namespace coppice::testing {

// Journals written by hand, small and rich, for views: every kind of outcome,
// hostile text in ideas, reasons, paths and output, a merge, a final.
// The times are 20 seconds apart and start at 2026-09-01 22:30:15 UTC.

// A run that ends with a confirmed improvement: 19 attempts, node 11 (a merge)
// wins, one dependency waits for approval, the branch is exported.
std::vector<search::Record> FruitfulRun();
// Where FruitfulRun has its last attempt under way: the number of records.
std::size_t BeforeTheFinal(const std::vector<search::Record>& records);
// A run on a noisy metric in which nothing is confirmed; it pauses once.
std::vector<search::Record> FruitlessRun();

// FruitfulRun, but for its final: node 4 wins it, which node 11 had overtaken
// in the search, or nothing is confirmed.
std::vector<search::Record> OverruledRun(bool confirmed);

// The last that a failed node of the run printed.
std::string OutputOf(const std::vector<search::Record>& records,
                     AttemptId attempt);

// The state after the first `count` records.
std::unique_ptr<search::State> Fold(const std::vector<search::Record>& records,
                                    std::size_t count = SIZE_MAX);

}  // namespace coppice::testing
