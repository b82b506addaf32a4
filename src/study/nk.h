#pragma once

#include <cstdint>

namespace coppice::study {

inline constexpr int kNkBits = 32;

// Fitness of a genome in the world of a seed, in [0, 1].
double NkFitness(std::uint64_t world, std::uint32_t genome);
// The greatest fitness of any genome, exactly.
double NkOptimum(std::uint64_t world);

}  // namespace coppice::study
