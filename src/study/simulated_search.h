#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <type_traits>
#include <vector>

#include "search/policy.h"
#include "search/tree.h"
#include "spec/spec.h"
#include "study/landscape.h"

namespace coppice::study {

// One search in virtual time: a policy, a landscape instead of proposers and
// evaluations, workers that take unequal times.
struct SimulationOptions {
  const Landscape* landscape = nullptr;
  spec::Spec spec;  // of it: search, and the direction of the metric
  int nodes = 100;  // attempts, failures included; of all chains
  int workers = 8;
  std::uint64_t seed = 0;
  double noise = 0;  // deviation of one measurement, in quality, unless the
                     // landscape brings its own
  // What a gain must exceed, in the metric's unit. -infinity: every gain
  // will do, and no node counts as exhausted.
  double tau = 0;
  // An evaluation takes a log-normal time around 1; a few are stragglers.
  double spread = .5;
  double straggler_share = .03;
  double straggler_factor = 8;
  // A proposal takes as long times this, and up to `requests` run beside the
  // evaluations, as far ahead as the search lets them. 0: it takes no time.
  double proposing = 0;
  int requests = 8;
  // More of them than keep the slots busy on average, in square roots of that
  // number; one in the search itself (Search::Lookahead).
  double slack = 1;
  // Share of `nodes` kept back to measure the best anew (SEARCH.md §3.7).
  double final_share = 0;
  int files = 4;  // each change touches one of them; merges ask which
  // What the metric shows for a (noisy) quality; must rise with it when the
  // direction is maximize, and fall when it is minimize. None: the quality,
  // or its negation.
  std::function<double(double)> metric;
  // None: MakePolicy(spec). Called once a search, maybe on many threads.
  std::function<std::unique_ptr<search::Policy>()> policy;
};

struct Progress {
  double time = 0;
  double quality = 0;  // true, of the best by measurement
};

struct Simulated {
  search::SolutionTree tree;
  std::vector<Truth> truths;                // by NodeId
  std::vector<search::Expansion> selected;  // attempt 1, 2, 3, ...
  std::vector<Progress> progress;           // after each finished attempt
  NodeId best;         // of the chains' bests, or of the final
  double claimed = 0;  // quality of the best as it was measured
  // Time that slots were busy, in all and until nothing was left to select.
  double evaluating = 0;
  double busy_while_selecting = 0;
  double last_selection = 0;
  // Finished attempts until the best reached the target; 0: it never did.
  int solved_after = 0;

  double truth() const { return truths[best.value()].quality; }
  bool Solved() const { return solved_after > 0; }
  double time() const { return progress.empty() ? 0 : progress.back().time; }
};

// Measurements that the final of so many nodes may take.
int FinalBudget(const SimulationOptions& options);

// Same options, same answer. The spec's policy must exist.
Simulated Simulate(const SimulationOptions& options);

// body(0) ... body(count - 1), side by side, in any order.
void SideBySide(std::size_t count,
                const std::function<void(std::size_t)>& body);

// summarise(Simulated) for seeds first, first + 1, ..., searched side by side.
template <class F>
auto SimulateSeeds(const SimulationOptions& options, std::uint64_t first,
                   std::size_t count, F summarise) {
  using Summary = std::invoke_result_t<F&, const Simulated&>;
  static_assert(!std::is_same_v<Summary, bool>,
                "neighbours in a vector<bool> cannot be written side by side");
  std::vector<Summary> results(count);
  SideBySide(count, [&](std::size_t i) {
    SimulationOptions one = options;
    one.seed = first + i;
    results[i] = summarise(Simulate(one));
  });
  return results;
}

}  // namespace coppice::study
