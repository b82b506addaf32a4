#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "report/status.h"
#include "search/event.h"
#include "search/state.h"

namespace coppice::app {

// How a piece of the screen is meant; colours are the screen's affair.
enum class Tone { kPlain, kDim, kGood, kBad, kWarn, kTitle, kBar };

// Everything `watch` shows, as it is at one moment, in words and numbers but
// without a size: watch_view.h draws it. All text is safe for a terminal.
struct WatchModel {
  struct Row {
    Tone tone = Tone::kPlain;
    std::string text;
  };
  std::string name, run;
  std::string state;  // "running", "final", "paused", ...
  Tone state_tone = Tone::kPlain;
  std::string elapsed, eta, limiting, cost, slots;
  int finished = 0;
  std::optional<int> total;
  std::string result;  // "seconds 12.41 -> 9.87 (-20.5%)"
  std::string best;    // "#17; high confidence: ..."
  std::string metric;
  bool minimize = true;
  // The best after each finished attempt, the baseline first; and what each of
  // them measured, if anything.
  std::vector<double> best_so_far;
  std::vector<std::optional<double>> measured;
  std::vector<Row> tree;     // the best path, then recent attempts
  std::vector<Row> running;  // node, phase, for how long, why
  std::vector<Row> arms;     // share, reward, cost
  std::vector<Row> events;   // oldest first
  std::string notice;        // what the user may do now; mostly empty
};

// The news of one record, as a row of `events`; nothing for most.
std::optional<WatchModel::Row> EventRow(const search::State& state,
                                        const search::Record& record);
// Without events, which are kept as they come.
WatchModel MakeWatchModel(const search::State& state, WallTime now,
                          const report::StatusExtra& extra);

}  // namespace coppice::app
