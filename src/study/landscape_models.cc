#include "study/landscape_models.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "study/nk.h"

// The models of SEARCH.md §3 ("Families") and §5 (the traps, exactly). What
// each goes back to stands in the table of landscape.cc.

namespace coppice::study {

double BetaOne(double b, Rng& rng) {
  return 1 - std::pow(1 - rng.Uniform(), 1 / b);
}

double Exponential(Rng& rng) { return -std::log(1 - rng.Uniform()); }

namespace {

// Beta(2, 5): the second smallest of six uniform numbers.
double BetaTwoFive(Rng& rng) {
  std::array<double, 6> drawn;
  for (double& u : drawn) u = rng.Uniform();
  std::ranges::sort(drawn);
  return drawn[1];
}

void Start(Truth& made, double quality, double ceiling) {
  made.quality = quality;
  made.ceiling = ceiling;
}

double InSteps(double quality, double step) {
  return step > 0 ? std::round(quality / step) * step : quality;
}

}  // namespace

Boldness Climb::Draft(Truth& made, int, Rng& rng) const {
  const double ceiling = ceiling_span > 0
                             ? ceiling_low + ceiling_span * BetaTwoFive(rng)
                             : ceiling_low;
  const double start = start_fixed + start_slope * ceiling +
                       ceiling * (start_low + start_span * rng.Uniform());
  Start(made, InSteps(std::min(start, ceiling), step), ceiling);
  return Boldness::kUsual;
}

Boldness Climb::Change(Truth& made, const Truth&, int index, Rng& rng) const {
  if (rng.Chance(pivot)) {
    Draft(made, index, rng);
    return Boldness::kBold;
  }
  if (rng.Chance(gain_chance / (1 + index / crowding))) {
    const double shape = made.ceiling > slow_above ? slow_shape : gain_shape;
    made.quality +=
        std::max(0., made.ceiling - made.quality) * BetaOne(shape, rng);
    if (rng.Chance(shift_chance)) {
      made.ceiling =
          std::clamp(made.ceiling + shift * rng.Normal(), made.quality, 1.);
    }
  } else {
    made.quality -= loss * Exponential(rng);
  }
  made.quality = InSteps(made.quality, step);
  return Boldness::kUsual;
}

Climb Climb::Drawn(std::uint64_t seed) {
  Rng rng = Rng::Stream(seed, 0, "meta");
  auto between = [&rng](double low, double high) {
    return low + (high - low) * rng.Uniform();
  };
  Climb drawn;
  drawn.ceiling_low = between(.2, .6);
  drawn.ceiling_span = 1 - drawn.ceiling_low;
  drawn.start_low = between(.2, .6);
  drawn.start_span = between(.05, .3);
  drawn.start_slope = -between(0, .3);
  drawn.gain_chance = between(.2, .6);
  drawn.crowding = between(4, 24);
  drawn.gain_shape = between(2, 12);
  drawn.slow_shape = drawn.gain_shape * between(1, 2);
  drawn.slow_above = between(.4, 1);
  drawn.loss = between(.01, .08);
  drawn.pivot = between(0, .08);
  drawn.shift_chance = between(0, .4);
  drawn.step = rng.Chance(.25) ? .05 : 0;
  return drawn;
}

Boldness Meta::Draft(Truth& made, int index, Rng& rng) const {
  return Climb::Drawn(made.world).Draft(made, index, rng);
}

Boldness Meta::Change(Truth& made, const Truth& parent, int index,
                      Rng& rng) const {
  return Climb::Drawn(made.world).Change(made, parent, index, rng);
}

Boldness Trap::Draft(Truth& made, int, Rng& rng) const {
  const bool is_ahead = rng.Chance(ahead);
  const double u = rng.Uniform();
  if (is_ahead) {
    Start(made, ahead_start + ahead_spread * u, ahead_ceiling);
  } else {
    Start(made, behind_start + behind_spread * u, 1);
  }
  made.dead_end = is_ahead && dead_end;
  return Boldness::kUsual;
}

Boldness Trap::Change(Truth& made, const Truth& parent, int, Rng& rng) const {
  if (rng.Chance(.5)) {
    made.quality += (made.ceiling - made.quality) * BetaOne(5, rng);
  } else {
    made.quality -= .03 * Exponential(rng);
  }
  if (parent.dead_end) made.works = false;
  return Boldness::kUsual;
}

Boldness FirstTrap::Draft(Truth& made, int index, Rng& rng) const {
  made.dead_end = index == 0 || rng.Chance(.4);
  Start(made, (made.dead_end ? .60 : .30) + .05 * rng.Uniform(), 1);
  return Boldness::kUsual;
}

Boldness FirstTrap::Change(Truth& made, const Truth& parent, int,
                           Rng& rng) const {
  if (parent.dead_end) {
    made.quality -= .40 + .05 * rng.Uniform();
  } else if (rng.Chance(.5)) {
    made.quality += (made.ceiling - made.quality) * BetaOne(3, rng);
  } else {
    made.quality -= .03 * Exponential(rng);
  }
  return Boldness::kUsual;
}

namespace {

constexpr double kRise = .14;  // from rim to rim
constexpr double kFirstDrop = .08;
constexpr double kSecondDrop = .05;
constexpr double kOnward = .3;  // chance of a step through the valley
constexpr double kSlack = .03;  // what can be gained on a level

}  // namespace

Boldness Valley::Draft(Truth& made, int, Rng& rng) const {
  const double quality = .17 + .06 * rng.Uniform();
  Start(made, quality, quality + kSlack);
  made.below = 0;
  return Boldness::kUsual;
}

Boldness Valley::Change(Truth& made, const Truth&, int, Rng& rng) const {
  if (rng.Chance(kOnward)) {
    if (made.below == 0) {
      made.quality -= kFirstDrop;
    } else if (made.below == 1) {
      made.quality -= kSecondDrop;
    } else {
      made.quality += kFirstDrop + kSecondDrop + kRise;
      made.ceiling += kRise;
    }
    made.below = static_cast<std::uint8_t>((made.below + 1) % 3);
  } else if (made.below == 0 && rng.Chance(.5)) {
    made.quality += std::max(0., made.ceiling - made.quality) * BetaOne(3, rng);
  } else {
    made.quality -= .03 * Exponential(rng);
  }
  made.quality = std::min(made.quality, 1.);
  return Boldness::kUsual;
}

namespace {

std::uint32_t Founder(std::uint64_t world) {
  return static_cast<std::uint32_t>(Rng::Stream(world, 0, "founder").Next());
}

// The ceiling of all is the optimum, from the root on. From the founder's
// fitness, which is `start`, to the optimum's, which is 1.
double NkQuality(const Truth& truth, double start) {
  const double founder = NkFitness(truth.world, Founder(truth.world));
  return start + (1 - start) * (NkFitness(truth.world, truth.code) - founder) /
                     (truth.ceiling - founder);
}

}  // namespace

Boldness Nk::Draft(Truth& made, int, Rng& rng) const {
  made.code = static_cast<std::uint32_t>(rng.Next());
  made.quality = NkQuality(made, start);
  return Boldness::kUsual;
}

// A one-mutant neighbour, as in Kauffman's adaptive walks.
Boldness Nk::Change(Truth& made, const Truth&, int, Rng& rng) const {
  made.code ^= 1U << rng.Below(kNkBits);
  made.quality = NkQuality(made, start);
  return Boldness::kUsual;
}

// Uniform crossover.
void Nk::Merge(Truth& made, const Truth& a, const Truth& b, Rng& rng) const {
  const auto mask = static_cast<std::uint32_t>(rng.Next());
  made.code = (a.code & mask) | (b.code & ~mask);
  made.quality = NkQuality(made, start);
}

Boldness HeavyTail::Draft(Truth& made, int, Rng& rng) const {
  const double quality = .2 + .1 * rng.Uniform();
  Start(made, quality, quality);
  return Boldness::kUsual;
}

Boldness HeavyTail::Change(Truth& made, const Truth&, int index,
                           Rng& rng) const {
  if (rng.Chance(.5 / (1 + index / 12.))) {
    const double pareto = std::pow(1 - rng.Uniform(), -1 / 1.1);
    made.quality = std::min(most, made.quality + scale * pareto);
  } else {
    made.quality -= .04 * Exponential(rng);
  }
  made.ceiling = made.quality;  // what merges add up to
  return Boldness::kUsual;
}

Boldness Needle::Draft(Truth& made, int, Rng& rng) const {
  const bool found = made.quality >= 1 || rng.Chance(chance);
  Start(made, found ? 1 : .15 + .1 * rng.Uniform(), 1);
  return Boldness::kUsual;
}

Boldness Needle::Change(Truth& made, const Truth&, int index, Rng& rng) const {
  return Draft(made, index, rng);
}

}  // namespace coppice::study
