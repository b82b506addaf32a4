#pragma once

#include "llm/make_proposer.h"

namespace coppice::llm {

// A model's server, looked up and checked: its profile, URL and key.
struct MadeEndpoint {
  std::unique_ptr<Endpoint> endpoint;
  std::string description;  // as NamedProposer's
  std::string shared;       // one key, one value; empty without a key
};
// Calls without a key share the gate of their `name`.
Result<MadeEndpoint> MakeEndpoint(const spec::ModelArm& arm,
                                  const std::string& name,
                                  const ProposerParts& parts);

// The proposer of a `model` entry: its profile, URL and key looked up and
// checked.
Result<NamedProposer> MakeModelArm(const spec::Spec& spec,
                                   const spec::Proposer& entry,
                                   const ProposerParts& parts);

// Error naming every model without a price, if the budget is in dollars.
Result<void> CheckPrices(const spec::Spec& spec,
                         const std::vector<NamedProposer>& proposers);

}  // namespace coppice::llm
