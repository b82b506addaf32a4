#pragma once

#include <optional>
#include <string>
#include <vector>

#include "report/node_record.h"
#include "search/state.h"

// Runs side by side (RES-09). Values of two runs may be compared where they
// were measured by the same commands, metric and checks: that is what the
// digest in their locks says.

namespace coppice::report {

struct PastRun {
  std::string name, run, status, metric;
  std::string started;  // UTC
  int attempts = 0;
  std::optional<double> baseline, best;
  std::string change;  // "-20.5%"
  std::string word;    // of the final: high, ..., or "not confirmed"
  std::string spent;   // "$0.41"
  double usd = 0, hours = 0;
  std::string digest;  // of what measures; empty where it is not known
};

// `alive`: does a process own it?
PastRun Summarise(const search::State& state, bool alive);

// A table a spec, the newest run first; runs of a spec that may be compared
// bear the same letter.
std::string PastRunsMarkdown(std::vector<PastRun> runs);
OrderedJson PastRunsJson(const std::vector<PastRun>& runs);

}  // namespace coppice::report
