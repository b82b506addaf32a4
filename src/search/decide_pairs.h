#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/ids.h"

// What fresh pairs prove about a gain too small for τ(R) (MEASURE §10). Pure:
// pairs and numbers in, an answer out.

namespace coppice::search {

// A signed-rank test that looks at `first` pairs and then every `step` ones,
// at last at `last`. Whatever the noise, drift included, it calls one of two
// equal programs better in at most a share `alpha` of all contests, as long
// as a coin has drawn who went first in each pair.
struct PairTest {
  int first = 0;
  int step = 1;
  int last = 0;
  double alpha = 0;
};

// Of a contender against the best: looks at R, 2R, ... pairs, to 8R or 40, what
// is less; of a larger R only one. R = 1 has none.
PairTest ContestTest(int repeats);
// Of a winner of the final against the baseline: they have met `met` times
// since it was chosen out of `finalists`; 2R further pairs at most.
PairTest FinalTest(int repeats, int met, int finalists);
// Pairs that FinalTest may ask for beyond those met.
int FinalExtension(int repeats);

enum class Proof {
  kMore,    // promising: take pairs to the next look
  kBetter,  // better than equal, whatever the noise
  kNone,    // hopeless, or the last look passed
};
struct Weighed {
  Proof proof = Proof::kNone;
  double chance = 1;  // of as good a rank sum, were the programs equal
};
// `gains`: one a pair, positive = the candidate was better. Between two looks
// the answer is kMore.
Weighed Weigh(const PairTest& test, std::span<const double> gains);
bool IsLook(const PairTest& test, std::size_t pairs);
std::size_t CountPositive(std::span<const double> gains);

// P(W ≤ rank_sum) where W adds up those of the ranks 1 to n whose fair coins
// show heads.
double SignedRankTail(std::size_t n, std::size_t rank_sum);

// Who goes first in a pair of a contest: a fair coin, the same at resume.
bool CandidateFirst(std::int64_t seed, AttemptId candidate, std::size_t pair);
// Sorting by it draws the order of a round of the final.
std::uint64_t RoundKey(std::int64_t seed, AttemptId node, std::size_t round);

}  // namespace coppice::search
