#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "search/journal.h"
#include "search/state.h"
#include "spec/study.h"
#include "study/statistics.h"

// What a budget-split study (SPEC §8) has found: numbers only, made from the
// journals of its searches. Pure.

namespace coppice::study {

// After each attempt that finished: what the search had used by then.
struct CurvePoint {
  int nodes = 0;
  double cost_usd = 0;
  std::int64_t tokens = 0;
  double hours = 0;
  double best = 0;  // in the metric's unit, as the decision rule saw it
};

// One search.
struct SearchFacts {
  std::string arm;
  int seed = 0;
  std::string run;
  std::vector<CurvePoint> curve;  // from 0 attempts on: the baseline
  // At the end of the search, and what was paid in all: judging the fresh
  // samples is outside the total.
  CurvePoint used;
  double paid_usd = 0;
  // The most that one step took: what a call reserved, how long an attempt was.
  CurvePoint largest;
  double wall_hours = 0;
  std::string ended;            // "max_nodes", "nothing_left", ...
  std::int64_t winner = 0;      // attempt
  double claimed = 0;           // its value during the search
  std::vector<double> fresh;    // samples after the search
  std::optional<double> value;  // what they come to
  std::vector<double> base;     // fresh samples of the base beside them
  int winner_depth = 0;
  int deepest = 0;
  double mean_depth = 0;  // of nodes, the root excluded
  int drafts = 0;
  int most_visits = 0;        // attempts on one node, the root excluded
  double mean_in_flight = 0;  // when something was selected
  int most_in_flight = 0;
  int cached = 0;  // measurements taken over, charged as if made
  std::map<std::string, int> outcomes;
  std::vector<double> chain_bests;  // as seen by the decision rule
};

// From the journal alone, so that facts do not depend on who was there when
// they came about.
Result<SearchFacts> FactsOf(search::Journal& journal, std::string arm,
                            int seed);

// The keys of an arm, for people: "policy: linear, chains: 8".
std::string Says(const spec::StudyArm& arm);

// One arm over its seeds.
struct ArmFacts {
  std::string name;
  std::string says;
  int chains = 1;
  std::vector<const SearchFacts*> searches;  // by seed
  std::vector<double> values;                // of the winners, by seed
  double mean = 0;
  double median = 0;
  Interval interval;  // of the mean
  std::vector<double> areas;
  double area = 0;  // mean height of the best-so-far curves
  // Expected best of k of its independent chains, by k; for arms with chains.
  std::vector<double> best_of;
};

struct Difference {
  std::size_t a = 0, b = 0;  // arms; positive: a is better
  PairedDifference paired;   // of values
  double holm_p = 1;         // sign test, over all pairs of arms
  std::optional<int> seeds_needed;
  PairedDifference area;
};

struct Comparison {
  spec::Study study;
  std::string id;
  std::string spec_name;
  std::string metric;
  int sign = -1;  // +1: more is better
  double baseline = 0;
  double noise = 0;  // of one sample of the base, in the metric's unit
  std::vector<SearchFacts> searches;
  std::vector<ArmFacts> arms;  // as in the file
  std::vector<Difference> differences;
  std::size_t planned = 0;  // searches
  bool finished = false;

  // Arms by mean value, best first.
  std::vector<std::size_t> Ranking() const;
};

// Fills arms and differences from `searches`; only seeds that all arms have
// finished count.
void Conclude(Comparison& comparison);

// How far the arms' means of a resource lie apart: least and greatest use.
struct Spread {
  double least = 0;
  double greatest = 0;
};
Spread SpreadOf(const Comparison& comparison, spec::Equalize resource);
// Searches that were given alike use alike but for less than this: an attempt,
// or what a call may take at worst.
double UnitOf(const Comparison& comparison, spec::Equalize resource);
double Of(const CurvePoint& point, spec::Equalize resource);

// Of the means of arms at a use of the equal resource, for drawing: one band an
// arm.
struct BandPoint {
  double at = 0;
  double mean = 0;
  Interval interval;
};
std::vector<BandPoint> BandOf(const ArmFacts& arm, spec::Equalize resource,
                              double until);

}  // namespace coppice::study
