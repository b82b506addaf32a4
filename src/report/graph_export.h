#pragma once

#include <string>

#include "search/state.h"

namespace coppice::report {

// The graph of commits (every node, merges with all their parents) for
// Graphviz and for GraphML readers. Edges point from parent to child.
std::string TreeDot(const search::State& state);
std::string TreeGraphMl(const search::State& state);

}  // namespace coppice::report
