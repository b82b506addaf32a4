#pragma once

#include <string>
#include <vector>

#include "app/baseline.h"
#include "app/null_test.h"
#include "app/project.h"
#include "search/budget.h"

namespace coppice::app {

// The preflight with its baseline (SET-06, SET-08, SET-11, SET-13): what
// `check` does, and `run` before it starts.
struct Preflight {
  Project project;
  Baseline baseline;
  search::Forecast forecast;
  int at_once = 1;                    // evaluations
  std::vector<std::string> findings;  // one a line, for people
  std::vector<std::string> warnings;
  std::vector<std::string> hints;
  std::optional<NullResult> null_test;
  std::string first_prompt;  // with PreflightOptions::show_prompt
};

struct PreflightOptions {
  SpecSource spec;
  Overrides overrides;
  bool trial = false;         // --trial
  bool measure_anew = false;  // although a lock is there
  bool probe = false;         // one small call to every model
  bool show_prompt = false;
  bool details = false;  // all that the sandbox can do
  bool null_test = false;
  // Evaluations at once that a load probe tries; 0: what the spec asks for,
  // unless that is known; 1: no probe.
  int load = 0;
};
// Exit code 130 or 143 in `interrupted` if a signal ended it.
Result<Preflight> RunPreflight(const Global& global, PreflightOptions options,
                               int& interrupted);
void PrintPreflight(const Global& global, const Preflight& preflight);

}  // namespace coppice::app
