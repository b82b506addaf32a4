#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/task.h"
#include "eval/slurm_cluster.h"
#include "eval/slurm_files.h"

namespace coppice::eval {

// Why no worker comes to life on the nodes: a small job looks whether it sees
// the shared directory and can run the program there. Nothing: it can, or the
// question has no answer. Takes as long as the queue does.
Task<std::optional<Error>> WhyNoWorker(SlurmCluster& cluster, SlurmFiles files,
                                       std::string program, Clock& clock);

}  // namespace coppice::eval
