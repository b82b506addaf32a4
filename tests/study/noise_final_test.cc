#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "study/setups.h"

// What noise does to a search, and what the final gives back (SC-11). SEARCH.md
// asks for ± .01 on means and describes `tunnel` in a line: of ours, known to
// ± .007, two of five lie .017 and .022 from its figures (docs/search.md).

namespace coppice::study {
namespace {

constexpr double kNoise = .1;
constexpr std::size_t kSeeds = 1000;

struct Mean {
  double inflation = 0;  // claimed less true
  double truth = 0;
  double solved = 0;
};

Mean Over(const std::string& policy, double final_share, bool floor = true) {
  SimulationOptions options = Bare("tunnel", policy, 300, 8);
  options.spec.search.lineage_floor = floor;
  options.noise = kNoise;
  options.final_share = final_share;
  Mean mean;
  for (const Mean& one :
       SimulateSeeds(options, 0, kSeeds, [&options](const Simulated& run) {
         return Mean{run.claimed - run.truth(), run.truth(),
                     run.truth() >= options.landscape->target ? 1. : 0.};
       })) {
    mean.inflation += one.inflation / kSeeds;
    mean.truth += one.truth / kSeeds;
    mean.solved += one.solved / kSeeds;
  }
  return mean;
}

void CheckNear(double value, double expected, double tolerance) {
  CAPTURE(value);
  CAPTURE(expected);
  CHECK(std::abs(value - expected) <= tolerance);
}

TEST_CASE(
    "noise lets a search claim too much, and a chain find little (SC-11)") {
  const Mean ucb = Over("ucb", 0);
  const Mean smooth = Over("ucb", 0, false);
  const Mean linear = Over("linear", 0);
  CheckNear(ucb.truth, .57, .02);
  CheckNear(smooth.truth, .59, .02);
  CheckNear(linear.truth, .40, .02);
  CheckNear(ucb.solved, .14, .04);
  CheckNear(smooth.solved, .19, .04);
  CheckNear(linear.solved, .02, .04);
  CheckNear(ucb.inflation, .24, .01);
  CheckNear(linear.inflation, .26, .01);
}

TEST_CASE("a tenth kept for the final makes the claim true (SC-11)") {
  const Mean ucb = Over("ucb", .1);
  const Mean linear = Over("linear", .1);
  CheckNear(ucb.truth, .58, .02);
  CheckNear(ucb.inflation, .02, .01);
  CheckNear(linear.truth, .44, .03);
  CheckNear(linear.inflation, .02, .01);
}

}  // namespace
}  // namespace coppice::study
