#pragma once

#include <string>

#include "report/node_record.h"
#include "search/state.h"

// One attempt in full, for `show NODE`. Its prompt, answer, log and diff are
// texts of their own, which the caller has.

namespace coppice::report {

// All facts: outcome and reason, value, gains, samples by phase, commit, patch
// stat, cost, times, flags, plan, and the path from the baseline.
std::string ShowText(const search::State& state, AttemptId attempt);
// The rule that decided and the evidence it had (`--why`).
// `output`: the last that a failed node printed.
std::string WhyText(const search::State& state, AttemptId attempt,
                    std::string_view output = {});
// The path from the baseline with the gain of each step (RES-10).
std::string LineageText(const search::State& state, AttemptId attempt);
// The node record, then "lineage" and "why".
OrderedJson ShowJson(const search::State& state, AttemptId attempt,
                     std::string_view output = {});

// The rule behind an outcome, in one sentence (SPEC §3, §5).
std::string_view RuleOf(Outcome outcome);

}  // namespace coppice::report
