#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/outcome.h"
#include "base/sandbox.h"
#include "eval/evaluator.h"

namespace coppice::eval {

// What a command's verdict makes of the node (MEASURE §1); nothing for ok and
// lost, and nothing for setup, whose failure is not the candidate's.
std::optional<Outcome> OutcomeOf(EvalPhase phase, Verdict verdict);

// The failure of a command that did not end ok. `log` is relative to the run.
Failure CommandFailure(EvalPhase phase, std::string_view command,
                       const CommandResult& result, std::string log);

// Our own fault: tried again, never scored.
Failure LostFailure(EvalPhase phase, std::string reason, std::string log);

// Ended because the search is being cancelled: not tried again.
inline constexpr std::string_view kCancelled = "cancelled";

}  // namespace coppice::eval
