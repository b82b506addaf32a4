#pragma once

#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "spec/spec.h"

namespace coppice::search {

// What the plan of the chains needs to know of one of them.
struct ChainStanding {
  int started = 0;   // attempts
  int finished = 0;  // those with an outcome
  // Of its best, greater is better; -infinity: nothing is measured.
  double score = -std::numeric_limits<double>::infinity();
};

// How many chains a search with this node budget has (search.chains,
// search.chain_budget). A greater budget never has fewer of them.
int CountChains(const spec::Search& search, std::optional<int> max_nodes);

// The chains that may start an attempt now, whom to ask first in front. A
// function of its arguments alone, so that live search, resume and simulation
// agree; a budget that was raised is planned as if it had always been so.
std::vector<int> ChainsToAsk(const spec::Search& search,
                             std::optional<int> max_nodes,
                             std::span<const ChainStanding> chains);

// 1, 1, 2, 1, 1, 2, 4, ...: the i-th, from 1, of Luby's sequence.
int Luby(int i);

}  // namespace coppice::search
