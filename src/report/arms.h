#pragma once

#include <string>
#include <vector>

#include "report/node_record.h"
#include "search/state.h"

// Who proposed, what it earned and what it cost (PRO-16, PRO-26, PRO-27).

namespace coppice::report {

// Markdown: arms with attempts, rewards and cost; the well-formed rate of each
// arm and format; the ledger by arm, operator and purpose. Empty before the
// first attempt.
std::string ArmsSection(const search::State& state);
// [{"name", "attempts", "improved", "failed", "reward", "usd", "off"}]
OrderedJson ArmsJson(const search::State& state);
// "openai/x 12 of 40, 3 improved, $1.20; off: auth"
std::vector<std::string> ArmLines(const search::State& state);

}  // namespace coppice::report
