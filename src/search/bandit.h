#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/outcome.h"

namespace coppice::search {

// What one arm (proposer) has been given and has earned, by name, from the
// journal; so the list of arms may change between runs.
struct ArmStats {
  int given = 0;      // attempts, pending ones included
  double reward = 0;  // Σr: 1 improved, 0.6 better than its parent by > τ,
                      // 0.2 measured, else 0
  double usd = 0;
  int improved = 0;
  int failed = 0;         // edit_failed
  int failed_in_row = 0;  // edit_failed, up to now
  // By edit format: attempts that came to an answer, and those whose first
  // answer applied as it was.
  struct Formed {
    int answered = 0;
    int well_formed = 0;
  };
  std::map<std::string, Formed> formats;
};

struct ArmChoice {
  std::string name;
  double weight = 1;
  bool able = true;  // can do the operator and is switched on
};

// The arm with the greatest
//   (p + Σr)/(1 + n)·κ + 0.5·sqrt(ln(1 + N)/(1 + n)),
// p = share of weight, n = attempts given, N = Σn, κ = sqrt(mean cost of all
// arms / mean cost of this arm) clamped to [½, 2] (SPEC §2 "Arms"); ties by
// order. Nothing if no arm is able. Pure.
std::optional<std::size_t> ChooseArm(
    std::span<const ArmChoice> arms,
    const std::map<std::string, ArmStats>& stats);

// The arm that is furthest behind its share of weight, whatever it has earned;
// ties by order. Nothing if no arm is able. Pure.
std::optional<std::size_t> TakeTurns(
    std::span<const ArmChoice> arms,
    const std::map<std::string, ArmStats>& stats);

}  // namespace coppice::search
