#pragma once

#include <string>
#include <string_view>

#include "base/outcome.h"
#include "base/sandbox.h"

namespace coppice::eval {

// The last lines of both streams, sanitized: at most `count`, half of them
// from each when both have that many.
std::string TailOf(const CommandResult& result, std::size_t count);

// "build|failed|error: expected N ';'": phase, verdict and the last line that
// looks like an error, without what differs from run to run (numbers,
// addresses, directories). Equal causes give equal signatures.
std::string FailureSignature(EvalPhase phase, Verdict verdict,
                             std::string_view tail);

}  // namespace coppice::eval
