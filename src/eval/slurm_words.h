#pragma once

#include <string>

#include "eval/evaluator.h"
#include "eval/slurm_files.h"
#include "eval/slurm_pool.h"
#include "spec/spec.h"

namespace coppice::eval {

// What the end of a job without an answer makes of its node: `memory` is the
// candidate's, everything else is lost and may be tried again. `output` is the
// end of what the job printed.
Failure EndOfJob(const SlurmJob& job, const spec::Slurm& slurm, EvalPhase phase,
                 const std::string& output, std::string log);

// May another job end better, or is it for the user?
bool MayEndBetter(const SlurmJob& job);

}  // namespace coppice::eval
