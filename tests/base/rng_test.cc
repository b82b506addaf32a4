#include "base/rng.h"

#include <doctest/doctest.h>

#include <cmath>
#include <set>
#include <vector>

namespace coppice {

TEST_CASE("the generator is SplitMix64, on every machine") {
  Rng rng(1234567);  // reference values of the published algorithm
  CHECK(rng.Next() == 6457827717110365317ULL);
  CHECK(rng.Next() == 3203168211198807973ULL);
  CHECK(rng.Next() == 9817491932198370423ULL);
}

TEST_CASE("streams depend on seed, number and purpose and on nothing else") {
  const std::uint64_t first = Rng::Stream(1, 2, "arm").Next();
  CHECK(first == Rng::Stream(1, 2, "arm").Next());
  std::set<std::uint64_t> all;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    for (int number = 0; number < 100; ++number) {
      for (const char* purpose : {"arm", "edit", ""}) {
        all.insert(Rng::Stream(seed, number, purpose).Next());
      }
    }
  }
  CHECK(all.size() == 3000);
}

TEST_CASE("bounded draws stay in bounds and reach every value evenly") {
  Rng rng(7);
  std::vector<int> counts(7);
  for (int n = 0; n < 70'000; ++n) ++counts[rng.Below(7)];
  for (int count : counts) CHECK(std::abs(count - 10'000) < 500);
  for (int n = 0; n < 100; ++n) CHECK(rng.Below(1) == 0);
}

TEST_CASE("uniform, chance and normal draws have their means") {
  Rng rng(11);
  double sum = 0;
  double normal = 0;
  double square = 0;
  int hits = 0;
  constexpr int kDraws = 100'000;
  for (int n = 0; n < kDraws; ++n) {
    const double u = rng.Uniform();
    REQUIRE(u >= 0);
    REQUIRE(u < 1);
    sum += u;
    hits += rng.Chance(0.25) ? 1 : 0;
    const double z = rng.Normal();
    REQUIRE(std::isfinite(z));
    normal += z;
    square += z * z;
  }
  CHECK(sum / kDraws == doctest::Approx(0.5).epsilon(0.01));
  CHECK(hits / double{kDraws} == doctest::Approx(0.25).epsilon(0.02));
  CHECK(std::abs(normal / kDraws) < 0.02);
  CHECK(square / kDraws == doctest::Approx(1).epsilon(0.02));
  CHECK_FALSE(rng.Chance(0));
  CHECK(rng.Chance(1));
}

}  // namespace coppice
