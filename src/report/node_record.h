#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/ids.h"
#include "search/state.h"

// The record of one attempt (SPEC §4), keys in the order of the contract.

namespace coppice::report {

using OrderedJson = nlohmann::ordered_json;

// The five keys that single-step tools know: task_id, status, reason,
// candidate_score, diff_summary. For any attempt, the baseline and one under
// way (status "-") included.
OrderedJson StepRecord(const search::State& state, AttemptId attempt);
// The five keys, then everything else about the node. The gain is the one on
// record with the decision; the score and the metrics are those of now.
OrderedJson NodeRecord(const search::State& state, AttemptId attempt);

// One line, no blanks, invalid text replaced.
std::string DumpLine(const OrderedJson& value);
// Readable, with a final newline.
std::string DumpPretty(const OrderedJson& value);

// results.jsonl: the baseline, then finished attempts as they finished.
std::string ResultsJsonl(const search::State& state);

}  // namespace coppice::report
