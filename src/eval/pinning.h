#pragma once

#include <filesystem>
#include <vector>

namespace coppice::eval {

// The cores this process may use, threads of one physical core side by side,
// the first core left out if there are more than two: it is coppice's own.
// Topology is read below `root` ("/" but for tests).
std::vector<int> CoresForEvaluation(const std::vector<int>& allowed,
                                    const std::filesystem::path& root);
// Those of this process's affinity.
std::vector<int> AllowedCores();

// `count` of `cores` for one slot; slots share only when there are too few.
std::vector<int> CoresOfSlot(const std::vector<int>& cores, int slot,
                             int count);

}  // namespace coppice::eval
