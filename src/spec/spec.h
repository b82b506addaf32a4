#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "spec/spec_measure.h"
#include "spec/spec_propose.h"

// What the user asked for (SPEC §2), parsed once, immutable. One struct a
// room; the defaults stand here, and a test proves that the schema states the
// same ones. Paths are relative to the repository root. Seconds are whole.

namespace coppice::spec {

// How the budget is divided over the chains: evenly, in the lengths of Luby's
// sequence, or over rungs that the worse half does not survive.
enum class ChainBudget { kEven, kLuby, kHalving };

struct Search {
  std::string policy = "ucb";
  int chains = 1;
  ChainBudget chain_budget = ChainBudget::kEven;
  int num_drafts = 5;
  std::optional<int> max_depth;
  int history = 10;
  std::int64_t seed = 0;
  std::pair<double, double> exploration{1, 5};
  bool lineage_floor = true;
  int beam_width = 4;
  int branching_factor = 3;
  int max_debug_depth = 3;
  double debug_prob = 0.5;
  int restart_after = 15;
  int merge = 1;
  int tune = 0;
  std::optional<std::string> hypotheses;

  friend bool operator==(const Search&, const Search&) = default;
};

struct Dependencies {
  std::vector<std::string> approved;
  std::optional<std::vector<std::string>> manifests;  // auto = nothing

  friend bool operator==(const Dependencies&, const Dependencies&) = default;
};

struct Parallel {
  std::optional<int> evaluations;  // auto = nothing
  int requests = 8;

  friend bool operator==(const Parallel&, const Parallel&) = default;
};

struct Budget {
  std::optional<int> max_nodes = 100;
  std::optional<double> max_hours = 8;
  std::optional<double> max_evaluation_hours;
  std::optional<double> max_cost_usd = 10;
  std::optional<std::int64_t> max_tokens;
  std::optional<int> plateau_nodes = 30;
  bool stop_at_target = true;

  friend bool operator==(const Budget&, const Budget&) = default;
};

struct Usage {
  std::optional<double> calls_per_day, usd_per_hour;

  friend bool operator==(const Usage&, const Usage&) = default;
};

struct Export {
  std::string branch = "optimize/{name}";
  std::string mode = "squash";
  bool minimise = true;
  std::optional<std::string> remote;
  std::string request = "none";

  friend bool operator==(const Export&, const Export&) = default;
};

struct Hooks {
  std::optional<std::string> on_node, on_new_best, on_pause, on_finish, webhook;

  friend bool operator==(const Hooks&, const Hooks&) = default;
};

struct Spec {
  int version = 1;
  std::string name, goal;
  std::vector<std::string> instructions;
  std::string base = "HEAD";
  Scope scope;
  Metric metric;
  Evaluation evaluation;
  std::vector<Check> checks;
  std::optional<Judge> judge;
  std::vector<Proposer> proposers;
  Proposal proposal;
  Search search;
  Dependencies dependencies;
  Parallel parallel;
  Budget budget;
  Usage usage;
  Export export_;
  Hooks hooks;

  friend bool operator==(const Spec&, const Spec&) = default;
};

}  // namespace coppice::spec
