#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/init_facts.h"

namespace coppice::app {

// A value of the spec, what it follows from, and what is left to the user.
struct Guess {
  std::string value;
  std::string from;  // "CMakeLists.txt"; empty: a default
  std::string todo;  // empty: nothing
};

// A spec as far as the repository and the goal's words show it.
struct SpecDraft {
  std::string name;
  Guess goal;
  std::string language;
  std::string manager;  // cmake, cargo, uv, ...; empty: none known
  std::vector<Guess> mutable_files, immutable_files;
  Guess metric, direction;
  std::optional<std::string> target;
  std::vector<Guess> setup, build;  // commands, in order
  Guess command;
  std::string output;  // a value of evaluation.output; empty: auto
  std::vector<Guess> checks;
  std::vector<Guess> expose;  // directories of tools under the home directory
  bool network = false;
  std::optional<std::string> holdout;
  std::string budget = "{max_nodes: 40, max_hours: 8, max_cost_usd: 10}";
  std::vector<std::string> remarks;  // for the terminal
};
SpecDraft DraftOf(const RepositoryFacts& facts, const std::string& goal);

// "seconds, minimize" of the words of a goal; the word that told.
struct GoalWord {
  std::string metric, direction, word;
};
std::optional<GoalWord> ReadGoal(const std::string& goal);

}  // namespace coppice::app
