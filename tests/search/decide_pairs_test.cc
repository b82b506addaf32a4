#include "search/decide_pairs.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <vector>

#include "base/rng.h"

namespace coppice::search {
namespace {

// Of all 2^n ways the coins may fall, the share in which the test ever calls
// the candidate better.
double ShareCalledBetter(const PairTest& test,
                         const std::vector<double>& sizes) {
  const std::size_t n = sizes.size();
  std::uint64_t better = 0;
  std::vector<double> gains(n);
  for (std::uint64_t coins = 0; coins < std::uint64_t{1} << n; ++coins) {
    for (std::size_t i = 0; i < n; ++i) {
      gains[i] = (coins >> i & 1) != 0 ? sizes[i] : -sizes[i];
    }
    for (std::size_t taken = 1; taken <= n; ++taken) {
      const Proof proof = Weigh(test, std::span(gains).first(taken)).proof;
      better += proof == Proof::kBetter ? 1 : 0;
      if (proof != Proof::kMore) break;
    }
  }
  return std::ldexp(static_cast<double>(better), -static_cast<int>(n));
}

TEST_CASE("the tail of the signed ranks is that of all ways coins can fall") {
  for (std::size_t n = 1; n <= 12; ++n) {
    const std::size_t all = n * (n + 1) / 2;
    std::vector<int> count(all + 1, 0);
    for (std::uint64_t coins = 0; coins < std::uint64_t{1} << n; ++coins) {
      std::size_t sum = 0;
      for (std::size_t i = 0; i < n; ++i) {
        if ((coins >> i & 1) != 0) sum += i + 1;
      }
      ++count[sum];
    }
    int below = 0;
    for (std::size_t sum = 0; sum <= all; ++sum) {
      below += count[sum];
      CHECK(SignedRankTail(n, sum) ==
            doctest::Approx(std::ldexp(below, -static_cast<int>(n))));
    }
    CHECK(SignedRankTail(n, all + 1) == 1);
  }
  // The figures of MEASURE §10.
  CHECK(SignedRankTail(6, 1) == doctest::Approx(0.0313).epsilon(0.01));
  CHECK(SignedRankTail(12, 12) == doctest::Approx(0.0171).epsilon(0.01));
  CHECK(SignedRankTail(400, 30'000) < 1e-5);
}

TEST_CASE("equal programs are called better no oftener than alpha, exactly") {
  Rng rng(4);
  std::vector<std::vector<double>> sizes;
  auto add = [&](const std::function<double()>& size) {
    std::vector<double>& drawn = sizes.emplace_back();
    for (int i = 0; i < 16; ++i) drawn.push_back(size());
  };
  add([&] { return std::abs(rng.Normal()); });
  add([&] { return std::exp(3 * rng.Normal()); });     // heavy tail
  add([&] { return std::floor(3 * rng.Uniform()); });  // ties and zeros
  add([&] { return 1.0; });                            // all alike
  add([i = 0]() mutable { return static_cast<double>(++i); });  // growing
  for (const std::vector<double>& one : sizes) {
    const PairTest contest = ContestTest(2);
    REQUIRE(contest.last == 16);
    const double share = ShareCalledBetter(contest, one);
    CHECK(share <= contest.alpha);
    const PairTest loose{.first = 4, .step = 4, .last = 16, .alpha = 0.1};
    const double of_loose = ShareCalledBetter(loose, one);
    CHECK(of_loose <= loose.alpha);
    // The bound is not an empty one where there are no ties.
    if (std::ranges::adjacent_find(one, std::ranges::equal_to()) == one.end() &&
        one[0] != one[1]) {
      CHECK(of_loose >= loose.alpha / 5);
    }
  }
}

TEST_CASE("looks come every R pairs, until 8R, or 40 at the most") {
  for (int repeats = 2; repeats <= 100; ++repeats) {
    const PairTest test = ContestTest(repeats);
    CHECK(test.first == repeats);
    CHECK(test.last <= std::max(repeats, 40));
    CHECK(test.last <= 8 * repeats);
    CHECK(test.last + repeats > std::min(40, 8 * repeats));
    CHECK(IsLook(test, static_cast<std::size_t>(test.last)));
    CHECK_FALSE(IsLook(test, static_cast<std::size_t>(repeats + 1)));
  }
  CHECK(Weigh(ContestTest(1), std::vector<double>{5}).proof == Proof::kNone);
  CHECK(FinalTest(1, 8, 2).last == 0);
  CHECK(FinalTest(5, 8, 2).last == 18);
  CHECK(FinalTest(30, 58, 2).last == 58);
}

TEST_CASE("a coin that fell before falls the same at resume") {
  CHECK(CandidateFirst(7, AttemptId(3), 4) ==
        CandidateFirst(7, AttemptId(3), 4));
  int heads = 0;
  int alike = 0;
  for (int i = 0; i < 4000; ++i) {
    const AttemptId node(1 + i / 40);
    const auto pair = static_cast<std::size_t>(i % 40);
    heads += CandidateFirst(0, node, pair) ? 1 : 0;
    alike += CandidateFirst(0, node, pair) == CandidateFirst(1, node, pair);
  }
  CHECK(std::abs(heads - 2000) < 120);
  CHECK(std::abs(alike - 2000) < 120);
}

// ---- Against the tests of SEARCH §3 ----------------------------------------

struct Outcomes {
  double better = 0;  // share
  double pairs = 0;   // mean
};

using Test = std::function<Proof(std::span<const double>)>;

Outcomes Repeat(const Test& test, int contests,
                const std::function<std::function<double()>(Rng&)>& source) {
  Outcomes outcomes;
  for (int i = 0; i < contests; ++i) {
    Rng rng = Rng::Stream(17, i, "contest");
    const std::function<double()> next = source(rng);
    std::vector<double> gains;
    Proof proof = Proof::kMore;
    while (proof == Proof::kMore) {
      gains.push_back(next());
      proof = test(gains);
    }
    outcomes.better += proof == Proof::kBetter ? 1.0 : 0.0;
    outcomes.pairs += static_cast<double>(gains.size());
  }
  outcomes.better /= contests;
  outcomes.pairs /= contests;
  return outcomes;
}

// SEARCH §3.4: 0 against δ1, α = .05, β = .10, at most 20 pairs; knows σ.
Proof Sprt(std::span<const double> d, double delta1) {
  double ratio = 0;
  for (double x : d) ratio += delta1 * (x - delta1 / 2);
  if (d.size() < 2) return Proof::kMore;
  if (ratio >= std::log(0.9 / 0.05)) return Proof::kBetter;
  return ratio <= std::log(0.1 / 0.95) || d.size() >= 20 ? Proof::kNone
                                                         : Proof::kMore;
}

TEST_CASE(
    "the SPRT, which knows the noise, is matched without knowing (SC-14)") {
  auto gaussian = [](double delta) {
    return [delta](Rng& rng) {
      return [delta, &rng] { return delta + rng.Normal(); };
    };
  };
  auto sprt = [](std::span<const double> d) { return Sprt(d, 1); };
  const Outcomes null = Repeat(sprt, 4000, gaussian(0));
  CHECK(std::abs(null.better - 0.028) <= 0.01);
  CHECK(std::abs(null.pairs - 5.6) <= 0.3);
  const Outcomes whole = Repeat(sprt, 4000, gaussian(1));
  CHECK(std::abs(whole.better - 0.93) <= 0.02);
  CHECK(std::abs(whole.pairs - 6.5) <= 0.3);

  const PairTest test{.first = 5, .step = 5, .last = 20, .alpha = 0.05};
  auto ranks = [&](std::span<const double> d) { return Weigh(test, d).proof; };
  CHECK(Repeat(ranks, 4000, gaussian(0)).better <= 0.05);
  CHECK(Repeat(ranks, 4000, gaussian(1)).better >= 0.85);

  // With σ from the calm samples, what the SPRT promises does not hold where
  // some are disturbed; the ranks' bound does.
  auto spiky = [](Rng& rng) {
    auto sample = [&rng] {
      const double calm = rng.Normal() / std::sqrt(2.0);
      return rng.Chance(0.1) ? calm + 12 * rng.Uniform() : calm;
    };
    return [sample] { return sample() - sample(); };
  };
  CHECK(Repeat(sprt, 4000, spiky).better >= 0.1);
  CHECK(Repeat(ranks, 4000, spiky).better <= 0.05);
}

TEST_CASE("fresh pairs are safe where stored samples are not (SC-15)") {
  // A host that wanders as AR(1), φ = .95, as far as single samples scatter;
  // ten samples a side, the stored ones 60 samples older.
  auto test = [](std::span<const double> d) {
    return Weigh({.first = 10, .last = 10, .alpha = 0.05}, d).proof;
  };
  auto host = [](Rng& rng, int samples) {
    std::vector<double> values;
    double at = rng.Normal();
    for (int i = 0; i < samples; ++i) {
      at = 0.95 * at + std::sqrt(1 - 0.95 * 0.95) * rng.Normal();
      values.push_back(at + rng.Normal());
    }
    return values;
  };
  const Outcomes paired = Repeat(test, 4000, [&](Rng& rng) {
    return [&, x = host(rng, 20), i = std::size_t{0}]() mutable {
      const bool first = rng.Chance(0.5);
      const double d = x[i] - x[i + 1];
      i += 2;
      return first ? d : -d;
    };
  });
  CHECK(paired.better <= 0.05);
  const Outcomes stored = Repeat(test, 4000, [&](Rng& rng) {
    return [x = host(rng, 80), i = std::size_t{0}]() mutable {
      const double d = x[70 + i] - x[i];
      ++i;
      return d;
    };
  });
  CHECK(stored.better >= 0.2);  // on either side: SEARCH's 47 % is two-sided
}

}  // namespace
}  // namespace coppice::search
