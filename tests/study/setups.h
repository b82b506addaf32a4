#pragma once

#include <limits>
#include <string>
#include <string_view>

#include "search/linear.h"
#include "study/simulated_search.h"

namespace coppice::study {

// As shipped, on a landscape.
inline SimulationOptions Shipped(std::string_view landscape, std::string policy,
                                 int nodes, int workers) {
  SimulationOptions options;
  options.landscape = FindLandscape(landscape).value();
  options.spec.search.policy = std::move(policy);
  options.spec.metric.direction = spec::Direction::kMaximize;
  options.nodes = nodes;
  options.workers = workers;
  return options;
}

// The bare policies of SEARCH.md: no merges, restarts or exhausted nodes.
inline SimulationOptions Bare(std::string_view landscape, std::string policy,
                              int nodes, int workers) {
  SimulationOptions options =
      Shipped(landscape, std::move(policy), nodes, workers);
  options.spec.search.merge = 0;
  options.spec.search.restart_after = std::numeric_limits<int>::max() / 2;
  if (options.spec.search.policy == "linear") {
    // (1+λ): all workers on the incumbent.
    options.policy = [spec = options.spec, workers] {
      return search::MakeLinear(spec, workers);
    };
  } else {
    options.tau = -std::numeric_limits<double>::infinity();
  }
  return options;
}

}  // namespace coppice::study
