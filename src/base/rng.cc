#include "base/rng.h"

#include <cmath>
#include <numbers>

namespace coppice {
namespace {

std::uint64_t Mix(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15ULL;

}  // namespace

Rng Rng::Stream(std::uint64_t seed, std::int64_t number,
                std::string_view purpose) {
  std::uint64_t h = Mix(seed + kGolden);
  h = Mix(h ^ (static_cast<std::uint64_t>(number) + kGolden));
  for (char c : purpose) h = Mix(h ^ static_cast<unsigned char>(c)) + kGolden;
  return Rng(h);
}

std::uint64_t Rng::Next() { return Mix(state_ += kGolden); }

double Rng::Uniform() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }

// Lemire's multiply-and-reject: no bias, no division in the common case.
std::uint64_t Rng::Below(std::uint64_t bound) {
  __extension__ using Wide = unsigned __int128;
  Wide product = static_cast<Wide>(Next()) * bound;
  auto low = static_cast<std::uint64_t>(product);
  if (low < bound) {
    const std::uint64_t threshold = -bound % bound;
    while (low < threshold) {
      product = static_cast<Wide>(Next()) * bound;
      low = static_cast<std::uint64_t>(product);
    }
  }
  return static_cast<std::uint64_t>(product >> 64);
}

// Box-Muller; one of the pair is dropped so that a draw keeps no state.
double Rng::Normal() {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - Uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * Uniform());
}

}  // namespace coppice
