#pragma once

#include <string>
#include <vector>

#include "app/cluster.h"
#include "base/clock.h"
#include "base/task.h"
#include "spec/spec.h"

// What `check` has to say of a cluster.

namespace coppice::app {

// Before anything is submitted: does Slurm answer, is there such a partition,
// is there time in it and room in the shared directory? Errors: kCheck.
Task<Result<void>> CheckCluster(const spec::Spec& spec);

// After the base was measured: where, on what, and that this machine had no
// part in its noise. One a line.
std::vector<std::string> ClusterLines(const spec::Spec& spec,
                                      const Cluster& cluster);
// Clocks that differ, nodes that are unlike each other, another version.
std::vector<std::string> ClusterWarnings(const Cluster& cluster);

}  // namespace coppice::app
