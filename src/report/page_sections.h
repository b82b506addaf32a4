#pragma once

#include "report/node_record.h"
#include "search/state.h"

// Parts of a page that are tables: figures by group, sanitized names.

namespace coppice::report {

// {"operators": [{"name", "attempts", ...}], "arms", "categories", "files",
// "calls", and totals}
OrderedJson EffortJson(const search::State& state);
// [{"outcome", "count", "rule", "nodes", "reasons"}], the most frequent first:
// attempts that gave no value that may be compared.
OrderedJson FailuresJson(const search::State& state);
// How the result was verified: {"final": [...], "gates": [...], "notes": [...]}
OrderedJson ProofJson(const search::State& state);

}  // namespace coppice::report
