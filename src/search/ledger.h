#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>

#include "base/outcome.h"
#include "llm/proposer.h"

namespace coppice::search {

// What calls have cost (PRO-27): one line an arm, operator and role. Sums are
// in picodollars, so that no rounding decides over a budget.
struct LedgerLine {
  int calls = 0;
  int failed = 0;  // brought no answer
  int unpriced = 0;
  int estimated = 0;  // charged at their reservation
  std::int64_t input = 0;
  std::int64_t output = 0;
  std::int64_t cached = 0;
  std::int64_t picodollars = 0;
  double seconds = 0;

  void Add(const llm::Answered& answered);
  double usd() const { return static_cast<double>(picodollars) / 1e12; }
};

// The role of calls that measure, and the arm they are listed under.
inline constexpr const char* kJudgeRole = "judge";

struct LedgerKey {
  std::string arm;
  Operator op = Operator::kImprove;
  std::string role;

  friend auto operator<=>(const LedgerKey&, const LedgerKey&) = default;
};
using Ledger = std::map<LedgerKey, LedgerLine>;

}  // namespace coppice::search
