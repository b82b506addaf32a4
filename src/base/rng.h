#pragma once

#include <cstdint>
#include <string_view>

namespace coppice {

// SplitMix64 (Steele, Lea, Flood 2014): one 64-bit word of state, every seed
// a good one, the same numbers on every machine. Draws of an attempt come
// from its own stream, so that they do not depend on the order of events.
class Rng {
 public:
  explicit Rng(std::uint64_t seed) : state_(seed) {}
  // The stream of (seed, number, purpose).
  static Rng Stream(std::uint64_t seed, std::int64_t number,
                    std::string_view purpose);

  std::uint64_t Next();
  double Uniform();                          // [0, 1)
  std::uint64_t Below(std::uint64_t bound);  // [0, bound), bound > 0
  bool Chance(double p) { return Uniform() < p; }
  double Normal();  // mean 0, deviation 1

 private:
  std::uint64_t state_;
};

}  // namespace coppice
