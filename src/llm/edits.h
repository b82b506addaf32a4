#pragma once

#include <memory>

#include "base/compute.h"
#include "llm/proposer.h"
#include "spec/spec.h"

namespace coppice::llm {

// The built-in edits (SPEC §2): a random change of lines, statements, numbers
// or knobs of the mutable files, drawn from the stream (seed, attempt, draw).
// No model, no money; the same request gives the same answer. `compute` must
// outlive it.
std::unique_ptr<Proposer> MakeEditsProposer(const spec::EditsArm& arm,
                                            Compute& compute);

}  // namespace coppice::llm
