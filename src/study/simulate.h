#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "search/policy.h"
#include "spec/spec.h"
#include "study/landscape.h"
#include "study/simulated_search.h"
#include "study/statistics.h"

namespace coppice::study {

// One row of a table: a policy, or a split of the budget.
struct Contender {
  std::string name;
  spec::Search search;
  // As its publication has it: no merges, restarts or exhausted nodes, and
  // linear's workers all on its best.
  bool bare = false;
  // None: the policy that `search` names.
  std::function<std::unique_ptr<search::Policy>(const spec::Spec&)> policy;
  // Independent chains of this many attempts each: a point of the split curve.
  // 0: not one.
  int split = 0;
};

// Which of these suits tasks like those? Every contender meets the same seeds.
struct Question {
  std::vector<Contender> contenders;
  std::vector<Landscape> landscapes;
  int nodes = 100;
  int workers = 8;
  int seeds = 100;
  std::uint64_t first_seed = 0;
  double noise = 0;
  double tau = 0;  // as SimulationOptions::tau, of those that are not bare
  double proposing = 0;
  int requests = 8;
  double final_share = 0;
};

// A contender on a landscape; vectors by seed.
struct Cell {
  std::vector<double> truth;    // quality of what was chosen
  std::vector<double> claimed;  // what it was measured to be
  std::vector<double> time;     // virtual, until the last attempt ended
  std::vector<double> depth;    // of what was chosen
  std::vector<double> drafts;   // share of the attempts
  std::vector<double> busy;     // share of the slots' time
  std::size_t solved = 0;       // seeds that reached the target
  std::vector<std::vector<double>> curves;  // by point of the grid, by seed
};

struct Answer {
  std::vector<int> grid;  // numbers of attempts
  // By landscape, what a score is times the quality shown: over several
  // landscapes percent of the best contender's mean on each, so that every
  // landscape counts alike.
  std::vector<double> scale;
  std::vector<std::vector<Cell>> cells;  // by contender, by landscape
};

// All searches, side by side; the same answer however many run at once.
Answer Ask(const Question& question);

// A quality as it is shown: of a run on record, in the unit of its metric.
double Shown(const Landscape& landscape, double quality);

// How a contender did over all landscapes; scores are of what was chosen, as it
// truly is.
struct Standing {
  std::vector<double> scores;  // by seed
  double mean = 0;
  Interval interval;
  double solved = 0;  // share
  Interval solved_interval;
  double time = 0;
  double depth = 0;
  double drafts = 0;
  double busy = 0;
  double claimed = 0;         // beyond the truth, on average; in quality
  PairedDifference to_first;  // against the first contender
};
std::vector<Standing> Summarise(const Question& question, const Answer& answer);

// Best so far over finished attempts: mean score and half its 95 % band, on
// one landscape or, without it, on average over all.
struct ProgressPoint {
  double at = 0;
  double mean = 0;
  double half = 0;
};
std::vector<ProgressPoint> CurveOf(const Question& question,
                                   const Answer& answer, std::size_t contender,
                                   std::optional<std::size_t> landscape);

}  // namespace coppice::study
