#include "study/nk.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <vector>

#include "base/rng.h"

// NK landscapes (Kauffman and Levin 1987; Kauffman, "The Origins of Order",
// 1993): the fitness is the mean of N contributions, each a random function of
// one bit and K others. Here the others are the next four bits around the
// ring, so that the optimum of 2^32 genomes is known (Weinberger 1996, "NP
// completeness of Kauffman's N-k model": adjacent neighbourhoods are easy):
// fix the first K bits, then go around the ring keeping the best of all
// prefixes that end in the same K bits.

namespace coppice::study {
namespace {

constexpr int kNeighbours = 4;
constexpr std::uint32_t kPatterns = 1U << (kNeighbours + 1);
constexpr std::uint32_t kEnds = 1U << kNeighbours;

double Contribution(std::uint64_t world, int bit, std::uint32_t pattern) {
  return Rng::Stream(world, bit * int{kPatterns} + static_cast<int>(pattern),
                     "nk")
      .Uniform();
}

using Table = std::array<std::array<double, kPatterns>, kNkBits>;

Table Contributions(std::uint64_t world) {
  Table table;
  for (int bit = 0; bit < kNkBits; ++bit) {
    for (std::uint32_t p = 0; p < kPatterns; ++p) {
      table[static_cast<std::size_t>(bit)][p] = Contribution(world, bit, p);
    }
  }
  return table;
}

// The best total of genomes whose first K bits are `first`. State: the last K
// bits seen, the newest lowest. Bit i contributes once bit i + K is seen.
double BestFrom(const Table& table, std::uint32_t first) {
  constexpr double kNone = -std::numeric_limits<double>::infinity();
  std::array<double, kEnds> best;
  best.fill(kNone);
  best[first] = 0;
  for (int seen = kNeighbours; seen < kNkBits + kNeighbours; ++seen) {
    std::array<double, kEnds> next;
    next.fill(kNone);
    const auto& gains = table[static_cast<std::size_t>(seen - kNeighbours)];
    for (std::uint32_t state = 0; state < kEnds; ++state) {
      for (std::uint32_t bit = 0; bit < 2; ++bit) {
        // Beyond the end come the first bits again.
        if (seen >= kNkBits &&
            bit != (first >> (kNkBits + kNeighbours - 1 - seen) & 1U)) {
          continue;
        }
        const std::uint32_t pattern = state << 1U | bit;
        double& into = next[pattern % kEnds];
        into = std::max(into, best[state] + gains[pattern]);
      }
    }
    best = next;
  }
  return *std::ranges::max_element(best);
}

}  // namespace

// Bit i is the i-th from the top; its pattern is bits i ... i + K.
double NkFitness(std::uint64_t world, std::uint32_t genome) {
  double sum = 0;
  for (int bit = 0; bit < kNkBits; ++bit) {
    const std::uint32_t pattern =
        std::rotl(genome, bit + kNeighbours + 1) % kPatterns;
    sum += Contribution(world, bit, pattern);
  }
  return sum / kNkBits;
}

double NkOptimum(std::uint64_t world) {
  const Table table = Contributions(world);
  double most = 0;
  for (std::uint32_t first = 0; first < kEnds; ++first) {
    most = std::max(most, BestFrom(table, first));
  }
  return most / kNkBits;
}

}  // namespace coppice::study
