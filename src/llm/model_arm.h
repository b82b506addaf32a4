#pragma once

#include "llm/make_proposer.h"

namespace coppice::llm {

// The proposer of a `model` entry: its profile, URL and key looked up and
// checked.
Result<NamedProposer> MakeModelArm(const spec::Spec& spec,
                                   const spec::Proposer& entry,
                                   const ProposerParts& parts);

// Error naming every model without a price, if the budget is in dollars.
Result<void> CheckPrices(const spec::Spec& spec,
                         const std::vector<NamedProposer>& proposers);

}  // namespace coppice::llm
