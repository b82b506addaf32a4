#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "spec/spec.h"

// A search ends by small limits, each one number and one sentence (SPEC §2
// budget; RUN-06, RUN-07).

namespace coppice::search {

// What has been used, as State counts it.
struct Consumption {
  int finished = 0;   // attempts with an outcome, baseline excluded
  int in_flight = 0;  // selected, no outcome yet
  double hours = 0;   // wall clock since the start, pauses included
  double evaluation_hours = 0;
  std::int64_t picodollars = 0;  // settled; 1e-12 USD, exact
  std::int64_t picodollars_reserved = 0;
  double usd = 0;  // the same for people
  double usd_reserved = 0;
  bool price_unknown = false;  // some calls have no price: usd is a part
  std::int64_t tokens = 0;
  std::int64_t tokens_reserved = 0;
  int since_best = 0;  // finished attempts since the run's best changed
  bool target_reached = false;
  double mean_evaluation_seconds = 0;  // of one node, for forecasts
  // Samples taken by the search (baseline and final excluded).
  int samples = 0;
  int repeats = 1;  // R of this moment, for what the final will take
};

class Budget {
 public:
  explicit Budget(const spec::Budget& limits);

  // How many further attempts may start now: room in the node limit less what
  // is in flight, 0 once a limit is reached.
  int Room(const Consumption& used) const;
  // "max_nodes", "max_hours", "max_evaluation_hours", "max_cost_usd",
  // "max_tokens", "plateau", "target"; nothing while the search may go on.
  // Time for the final (its share and at least one evaluation) is kept back.
  std::optional<std::string> Reached(const Consumption& used) const;
  // May a call be made that costs this at worst? `wait`: not now, but calls in
  // flight may settle for less than they reserved.
  enum class Grant { kYes, kWait, kNo };
  struct Decision {
    Grant grant = Grant::kYes;
    std::string limit;  // "max_cost_usd" or "max_tokens" unless kYes
  };
  Decision Affords(const Consumption& used, std::int64_t picodollars,
                   std::int64_t tokens) const;
  // Limits used to 80 % or more, as "max_nodes: 81 of 100"; for one warning
  // each.
  std::vector<std::string> Warnings(const Consumption& used) const;
  // Samples the final race may take: 10 % of the evaluations, at least what
  // the smallest race of the field takes.
  int FinalSamples(const Consumption& used, int repeats) const;

 private:
  spec::Budget limits_;
};

// "this budget buys about N nodes, ends 05:40, limit: max_hours" (SET-11).
struct Forecast {
  int nodes = 0;  // at the worst-case price; INT_MAX without any limit
  double hours = 0;
  std::string limit;
  std::vector<std::string> warnings;  // fewer than 10 nodes, unknown price
};
Forecast ForecastRun(const spec::Spec& spec, double seconds_per_node,
                     int slots);

}  // namespace coppice::search
