#pragma once

#include <string>

#include "llm/proposer.h"
#include "search/state.h"
#include "vcs/store.h"

// Work that no proposer of the run has done: a patch, or a commit.

namespace coppice::app {

// A patch of the user's as a proposal on `parent`. kUsage: it does not fit.
Result<llm::Proposal> ProposalFromFile(const std::string& file,
                                       vcs::Store& store, ObjectId parent);
// What a commit of the user's has made of `parent`.
Result<llm::Proposal> ProposalFromCommit(const std::string& revision,
                                         vcs::Store& store, ObjectId parent);

// What a single attempt came to, as the exit code of `step` and `add`.
int ExitOf(const search::State& state, AttemptId attempt);

}  // namespace coppice::app
