#pragma once

#include <string>

#include "search/state.h"
#include "spec/scope_rules.h"

namespace coppice::search {

// What a command proposer reads on its standard input: goal, instructions,
// metric, scope, parent and task, in labelled sections, from the journal
// alone. Text of candidates stands in fences, as data.
std::string Brief(const State& state, const spec::ResolvedScope& scope,
                  AttemptId attempt);

}  // namespace coppice::search
