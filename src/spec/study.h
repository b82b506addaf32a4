#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "spec/load.h"

// The file of `coppice compare` (SPEC §8): arms that get one resource alike.

namespace coppice::spec {

enum class Equalize { kNodes, kCost, kTokens, kHours };
// "nodes", "cost", "tokens", "hours"
std::string_view Name(Equalize resource);
// "nodes", "USD", "tokens", "hours"
std::string_view UnitOf(Equalize resource);

// What arms may differ in. The split of the budget: every key of `search` but
// those of the prompt. The prompt: search.history, search.hypotheses and
// `proposal`.
enum class Thing { kSplit, kParallel, kProposers, kPrompt };
std::string_view Name(Thing thing);

struct StudyArm {
  std::string name;
  // On top of the spec: "search.policy" = "\"linear\"", values as JSON.
  std::map<std::string, std::string> keys;
  std::string where;  // "split.yaml:7"

  friend bool operator==(const StudyArm&, const StudyArm&) = default;
};

struct Study {
  std::string name;
  std::string spec;  // as written
  Equalize equalize = Equalize::kNodes;
  double total = 0;
  std::vector<StudyArm> arms;
  std::set<Thing> vary;
  int seeds = 3;
  int remeasure = 10;
  std::optional<double> max_cost_usd;
  std::map<std::string, std::string> where;  // of top-level keys

  // The place of a key, or of the file.
  const std::string& Where(const std::string& key) const;
  friend bool operator==(const Study&, const Study&) = default;
};

// Every error of the file at once, with file:line: what the schema refuses,
// arms alike or different in more than `vary` allows, one seed, budgets that
// are not equal or too small to tell anything, a missing max_cost_usd.
Result<Study> ParseStudy(std::string_view text, std::string_view name);

// configs/compare.schema.json, as compiled into the program.
std::string_view StudySchemaText();

}  // namespace coppice::spec
