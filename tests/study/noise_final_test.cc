#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "study/setups.h"

// What noise does to a search, and what the final gives back (SC-11).

namespace coppice::study {
namespace {

constexpr double kNoise = .1;
constexpr std::size_t kSeeds = 400;

struct Mean {
  double inflation = 0;  // claimed less true
  double truth = 0;
};

Mean Over(const std::string& policy, double final_share) {
  SimulationOptions options = Bare("tunnel", policy, 300, 8);
  options.noise = kNoise;
  options.final_share = final_share;
  Mean mean;
  for (const Mean& one :
       SimulateSeeds(options, 0, kSeeds, [](const Simulated& run) {
         return Mean{run.claimed - run.truth(), run.truth()};
       })) {
    mean.inflation += one.inflation / kSeeds;
    mean.truth += one.truth / kSeeds;
  }
  return mean;
}

TEST_CASE("a tenth kept for the final makes the claim true (SC-11)") {
  const Mean ucb = Over("ucb", 0);
  const Mean ucb_raced = Over("ucb", .1);
  const Mean linear = Over("linear", 0);
  const Mean linear_raced = Over("linear", .1);
  // SEARCH: .57 and .40 true, .24 and .26 too much claimed; with the final .58
  // and .44, .02 too much.
  CHECK(std::abs(ucb.truth - .57) <= .04);
  CHECK(std::abs(linear.truth - .40) <= .04);
  CHECK(std::abs(ucb.inflation - .24) <= .04);
  CHECK(std::abs(linear.inflation - .26) <= .04);
  CHECK(std::abs(ucb_raced.truth - .58) <= .04);
  CHECK(std::abs(linear_raced.truth - .44) <= .04);
  CHECK(std::abs(ucb_raced.inflation) <= .04);
  CHECK(std::abs(linear_raced.inflation) <= .04);
}

}  // namespace
}  // namespace coppice::study
