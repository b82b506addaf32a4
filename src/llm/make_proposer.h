#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/compute.h"
#include "base/result.h"
#include "llm/command.h"
#include "llm/proposer.h"
#include "spec/spec.h"

namespace coppice::llm {

// A proposer of the search, with its name and share as the spec says.
struct NamedProposer {
  std::string name;
  double weight = 1;
  std::vector<std::string> operators;  // [] = all it can do
  std::unique_ptr<Proposer> proposer;
};

// Must outlive the proposers.
struct ProposerParts {
  Compute& compute;
  CommandParts commands;
};

// One a `proposers` entry, in order. Error (kUsage): a kind that this version
// cannot run, by name.
Result<std::vector<NamedProposer>> MakeProposers(const spec::Spec& spec,
                                                 const ProposerParts& parts);

}  // namespace coppice::llm
