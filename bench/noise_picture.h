#pragma once

#include <string>
#include <vector>

namespace coppice::bench {

struct FalseClaims {
  std::string shape;   // of the noise
  double percent = 0;  // of runs
};

// Of candidates with a gain of so many σ, the share found, in percent.
struct Found {
  double gain = 0;
  double before = 0;
  double after = 0;
  double contender = 0;  // once through the screen
};

// Of the rule of R pairs alone (before) and of the one that goes on while a
// contender is promising (after).
struct Errors {
  std::vector<FalseClaims> before;
  std::vector<FalseClaims> after;
  std::vector<Found> power;
};

// Both kinds of errors side by side, as SVG.
std::string Picture(const Errors& errors);

}  // namespace coppice::bench
