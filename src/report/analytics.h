#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "search/state.h"

namespace coppice::report {

// What came of a group of attempts: an arm, an operator, a category.
struct Tally {
  int attempts = 0;
  int improved = 0;
  int measured = 0;  // has a value that may be compared
  int failed = 0;    // crash outcomes
  double usd = 0;
  double gain = 0;  // Σ gain over the best of then, of improved nodes
};

struct HotFile {
  std::string path;  // raw
  int changed = 0;   // nodes that changed it
  int improved = 0;  // improved nodes that changed it
};

// Where the effort of a search went (RES-05), recomputed from State.
struct Analytics {
  std::map<Outcome, int> outcomes;
  std::map<std::string, Tally> by_arm;  // raw names
  std::map<std::string, Tally> by_operator;
  std::map<std::string, Tally> by_category;  // "" where a plan named none
  std::vector<HotFile> hot_files;  // most improved nodes first, at most ten
  int samples = 0;
  double measure_seconds = 0;
  // Of nodes whose outcome was a failure: time that taught no value.
  double wasted_seconds = 0;
  int never_measured = 0;  // rejected before a commit
  double gain = 0;         // of the best over the baseline, a fraction
  double usd = 0;
};

Analytics Analyse(const search::State& state);

}  // namespace coppice::report
