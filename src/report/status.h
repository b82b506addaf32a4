#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "report/node_record.h"
#include "search/state.h"

// Where a search stands (SPEC §7 "status JSON", RUN-13), from State and the
// few facts that only the running process knows.

namespace coppice::report {

// One thing the run waits for.
struct Waiting {
  AttemptId node;
  std::string phase;  // "propose", "build", "measure", "confirm", ...
  WallTime since;
  std::string why;
};

struct StatusExtra {
  std::optional<bool> alive;      // does a process own the run? if known
  int slots_total = 0;            // 0: not known
  std::optional<int> slots_busy;  // else what State has under evaluation
  std::vector<Waiting> waiting;   // empty: what State knows of open attempts
  // Named locks of this machine that the run takes and somebody holds: name,
  // "held by run R (pid 12)".
  std::vector<std::pair<std::string, std::string>> locks;
};

// How fast it goes and which limit ends it.
struct Pace {
  double nodes_per_hour = 0;
  std::optional<double> eta_seconds;  // nothing before the first node
  std::string limit;                  // "max_nodes", "max_hours", ...
};
Pace PaceOf(const search::State& state, WallTime now);

// What is used, what is waited for, and how many slots are busy.
struct Standing {
  search::Consumption used;
  std::vector<Waiting> waiting;
  int slots_busy = 0;
};
Standing StandingOf(const search::State& state, WallTime now,
                    const StatusExtra& extra);

// "starting", "running", "final", "paused", "interrupted", "finished".
std::string_view StatusWord(const search::State& state,
                            std::optional<bool> alive);
// What holds the run back: "proposer", "evaluation" or "budget".
std::string_view Limiting(const search::State& state, WallTime now,
                          const StatusExtra& extra);

OrderedJson StatusJson(const search::State& state, WallTime now,
                       const StatusExtra& extra);
std::string StatusText(const search::State& state, WallTime now,
                       const StatusExtra& extra);

}  // namespace coppice::report
