#include "search/minimise.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <set>

namespace coppice::search {
namespace {

using Part = std::vector<std::size_t>;
using Judge = std::function<Ablation(const Part&)>;

struct Asked {
  Part kept;
  int evaluations = 0;
};

Asked Ask(std::size_t units, const Judge& judge) {
  Minimiser minimiser(units);
  Asked asked;
  std::set<Part> seen;
  while (auto part = minimiser.Next()) {
    REQUIRE_FALSE(part->empty());
    REQUIRE(part->size() < units);
    REQUIRE(std::ranges::is_sorted(*part));
    CHECK(seen.insert(*part).second);  // an answer is never asked for twice
    ++asked.evaluations;
    REQUIRE(asked.evaluations < 1000);
    minimiser.Answer(judge(*part));
  }
  CHECK(minimiser.undecided() == 0);
  asked.kept = minimiser.kept();
  return asked;
}

bool Has(const Part& part, std::size_t unit) {
  return std::ranges::binary_search(part, unit);
}

bool HasAll(const Part& part, std::uint32_t needed) {
  for (std::size_t unit = 0; needed != 0; ++unit, needed >>= 1) {
    if ((needed & 1U) != 0 && !Has(part, unit)) return false;
  }
  return true;
}

// Answers that prove which units matter, by one who knows them: that they are
// enough, unless they are all, and that none of them can go.
int OptimalOrder(std::size_t units, std::size_t needed) {
  return static_cast<int>(needed == units ? units : needed + 1);
}

}  // namespace

TEST_CASE(
    "a five-hunk change takes at most twice the evaluations of an optimal "
    "ablation order, whichever hunks matter") {
  for (std::uint32_t needed = 1; needed < 32; ++needed) {
    CAPTURE(needed);
    const Asked asked = Ask(5, [&](const Part& part) {
      return HasAll(part, needed) ? Ablation::kGood : Ablation::kWorse;
    });
    const auto count = static_cast<std::size_t>(__builtin_popcount(needed));
    CHECK(asked.kept.size() == count);
    CHECK(HasAll(asked.kept, needed));
    CHECK(asked.evaluations <= 2 * OptimalOrder(5, count));
  }
}

TEST_CASE("one hunk of a hundred is found in about log2 of them") {
  for (std::size_t needed : {0U, 37U, 50U, 99U}) {
    const Asked asked = Ask(100, [&](const Part& part) {
      return Has(part, needed) ? Ablation::kGood : Ablation::kWorse;
    });
    CHECK(asked.kept == Part{needed});
    CHECK(asked.evaluations <= 9);
  }
}

TEST_CASE("what is left is minimal for any two or three of twelve hunks") {
  for (std::uint32_t needed = 1; needed < 4096; ++needed) {
    if (__builtin_popcount(needed) > 3) continue;
    const Asked asked = Ask(12, [&](const Part& part) {
      return HasAll(part, needed) ? Ablation::kGood : Ablation::kWorse;
    });
    CHECK(HasAll(asked.kept, needed));
    CHECK(asked.kept.size() ==
          static_cast<std::size_t>(__builtin_popcount(needed)));
    CHECK(asked.evaluations <= 21);
  }
}

TEST_CASE("a lone hunk is not asked about, and nothing neither") {
  CHECK_FALSE(Minimiser(0).Next().has_value());
  const Asked asked = Ask(1, [](const Part&) { return Ablation::kGood; });
  CHECK(asked.kept == Part{0});
  CHECK(asked.evaluations == 0);
}

TEST_CASE("a helper goes once what uses it has gone, whichever stands first") {
  for (const bool helper_first : {true, false}) {
    const std::size_t helper = helper_first ? 0 : 3;
    const std::size_t use = helper_first ? 3 : 0;
    const Asked asked = Ask(4, [&](const Part& part) {
      if (Has(part, use) && !Has(part, helper)) return Ablation::kBroken;
      return Has(part, 1) ? Ablation::kGood : Ablation::kWorse;
    });
    CHECK(asked.kept == Part{1});
  }
}

TEST_CASE("two hunks that break without each other go together") {
  const Asked asked = Ask(4, [&](const Part& part) {
    if (Has(part, 0) != Has(part, 3)) return Ablation::kBroken;
    return Has(part, 1) ? Ablation::kGood : Ablation::kWorse;
  });
  CHECK(asked.kept == Part{1});
}

TEST_CASE("a helper that is needed stays with what uses it") {
  const Asked asked = Ask(6, [&](const Part& part) {
    if (Has(part, 4) && !Has(part, 1)) return Ablation::kBroken;
    return Has(part, 4) ? Ablation::kGood : Ablation::kWorse;
  });
  CHECK(asked.kept == Part{1, 4});
}

TEST_CASE("what is kept was judged good, however odd the answers are") {
  for (std::uint32_t seed = 0; seed < 500; ++seed) {
    Part good;
    for (std::size_t i = 0; i < 9; ++i) good.push_back(i);
    const Asked asked = Ask(9, [&](const Part& part) {
      std::uint32_t hash = seed * 2654435761U;
      for (std::size_t unit : part) {
        hash = (hash ^ static_cast<std::uint32_t>(unit + 1)) * 16777619U;
      }
      const std::uint32_t kind = (hash >> 13) % 3;
      if (kind == 0) good = part;
      return static_cast<Ablation>(kind);
    });
    CHECK(asked.kept == good);
  }
}

}  // namespace coppice::search
