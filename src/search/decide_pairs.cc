#include "search/decide_pairs.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/rng.h"

// Two equal programs, in slots that measure alike, differ in a pair by chance
// and by who went first. A coin drew that, so given the sizes of all
// differences their signs are fair coins too, whatever the noise is: skewed,
// heavy in the tail, dependent, drifting. Ranked by size, the ranks of the
// pairs that went against the candidate add up to W, whose distribution follows
// from the coins alone. A difference of 0 and a tie in size count against the
// candidate, which can only make W larger.
//
// Each look k at n_k pairs has a share of alpha in proportion to n_k, and the
// candidate is better if P(W or less) is within it. The shares add up to
// alpha, so the sum of the chances over all looks is a bound, and stopping
// early for lack of promise only lowers it. A candidate is promising while W+
// stands kLeastPromise deviations above its mean at the first look, and in
// proportion up to kMostPromise at the last: what stands lower seldom gets
// there. The figures were chosen by bench/noise.cc.

namespace coppice::search {
namespace {

// Of 100 equal candidates some 13 become contenders: 2.6 % a run at the most.
constexpr double kContestAlpha = 0.002;
constexpr double kFinalAlpha = 0.02;
constexpr int kMostPairs = 40;
constexpr int kLooks = 8;
constexpr double kLeastPromise = 0.7;
constexpr double kMostPromise = 2.5;

double AlphaOf(const PairTest& test, int look) {
  double sum = 0;
  for (int n = test.first; n <= test.last; n += test.step) sum += n;
  return test.alpha * look / sum;
}

double PromiseNeeded(const PairTest& test, int look) {
  if (test.last == test.first) return kMostPromise;
  const double passed = static_cast<double>(look - test.first) /
                        static_cast<double>(test.last - test.first);
  return std::lerp(kLeastPromise, kMostPromise, passed);
}

// Ranks of the pairs without a gain, the largest that a tie allows.
std::size_t RankSumAgainst(std::span<const double> gains) {
  std::vector<double> order(gains.begin(), gains.end());
  std::ranges::sort(order, [](double a, double b) {
    if (std::abs(a) != std::abs(b)) return std::abs(a) < std::abs(b);
    return a > b;
  });
  std::size_t sum = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (!(order[i] > 0)) sum += i + 1;
  }
  return sum;
}

}  // namespace

PairTest ContestTest(int repeats) {
  const int looks =
      repeats < 2 ? 0 : std::max(1, std::min(kLooks, kMostPairs / repeats));
  return {.first = repeats,
          .step = std::max(1, repeats),
          .last = looks * repeats,
          .alpha = kContestAlpha};
}

int FinalExtension(int repeats) {
  return repeats < 2 || 2 * repeats > kMostPairs ? 0 : 2 * repeats;
}

PairTest FinalTest(int repeats, int met, int finalists) {
  const int last = repeats < 2 ? 0 : met + FinalExtension(repeats);
  return {.first = met,
          .step = std::max(1, repeats),
          .last = last,
          .alpha = kFinalAlpha / std::max(1, finalists)};
}

bool IsLook(const PairTest& test, std::size_t pairs) {
  const int n = static_cast<int>(pairs);
  return n >= test.first && n <= test.last && (n - test.first) % test.step == 0;
}

std::size_t CountPositive(std::span<const double> gains) {
  return static_cast<std::size_t>(
      std::ranges::count_if(gains, [](double gain) { return gain > 0; }));
}

Weighed Weigh(const PairTest& test, std::span<const double> gains) {
  const int n = static_cast<int>(gains.size());
  if (n == 0 || n > test.last) return {};
  if (!IsLook(test, gains.size())) return {.proof = Proof::kMore};
  const std::size_t against = RankSumAgainst(gains);
  Weighed weighed{.chance = SignedRankTail(gains.size(), against)};
  const double mean = n * (n + 1.0) / 4;
  const double deviation = std::sqrt(mean * (2 * n + 1.0) / 6);
  const double promise = (mean - static_cast<double>(against)) / deviation;
  if (weighed.chance <= AlphaOf(test, n)) {
    weighed.proof = Proof::kBetter;
  } else if (n < test.last && promise >= PromiseNeeded(test, n)) {
    weighed.proof = Proof::kMore;
  }
  return weighed;
}

double SignedRankTail(std::size_t n, std::size_t rank_sum) {
  const std::size_t all = n * (n + 1) / 2;
  if (rank_sum >= all) return 1;
  // The smaller side is the shorter table.
  if (2 * rank_sum > all) return 1 - SignedRankTail(n, all - rank_sum - 1);
  // share[s]: of all coins so far those whose ranks add up to s.
  std::vector<double> share(rank_sum + 1, 0.0);
  share[0] = 1;
  for (std::size_t rank = 1; rank <= n; ++rank) {
    for (std::size_t s = rank_sum + 1; s-- > 0;) {
      share[s] = (share[s] + (s >= rank ? share[s - rank] : 0)) / 2;
    }
  }
  double tail = 0;
  for (double s : share) tail += s;
  return tail;
}

bool CandidateFirst(std::int64_t seed, AttemptId candidate, std::size_t pair) {
  Rng rng = Rng::Stream(static_cast<std::uint64_t>(seed), candidate.value(),
                        "pair order");
  std::uint64_t drawn = rng.Next();
  for (std::size_t i = 0; i < pair; ++i) drawn = rng.Next();
  return (drawn >> 63) != 0;
}

std::uint64_t RoundKey(std::int64_t seed, AttemptId node, std::size_t round) {
  Rng rng = Rng::Stream(static_cast<std::uint64_t>(seed), node.value(),
                        "round order");
  std::uint64_t drawn = rng.Next();
  for (std::size_t i = 0; i < round; ++i) drawn = rng.Next();
  return drawn;
}

}  // namespace coppice::search
