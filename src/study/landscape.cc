#include "study/landscape.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

// The traps are those of SEARCH.md §5, exactly: no noise of their own, a
// change gains a Beta(1, 5) share of what is left below the ceiling or loses
// .03 on average, one as likely as the other.
//
//   trap-mild  four of five drafts start well ahead and end at .62
//   trap-2     as many start twice as good and end at .70
//   dead-end   every other draft is good at once, and whatever is made of it
//              is broken
//   deceptive  the first draft is always a dead end whose children work but
//              are much worse; so are two of five others
//   plain      no traps; broken changes, and failures that can be repaired
//   tunnel     a draft fixes the ceiling; gains get rare with many siblings
//   plateau    tunnel, measured in steps of .05

namespace coppice::study {
namespace {

// Beta(1, b), by inversion.
double BetaOne(double b, Rng& rng) {
  return 1 - std::pow(1 - rng.Uniform(), 1 / b);
}

// Beta(2, 5): the second smallest of six uniform numbers.
double BetaTwoFive(Rng& rng) {
  std::array<double, 6> drawn;
  for (double& u : drawn) u = rng.Uniform();
  std::ranges::sort(drawn);
  return drawn[1];
}

double Exponential(Rng& rng) { return -std::log(1 - rng.Uniform()); }

void Start(Truth& made, double quality, double ceiling) {
  made.quality = quality;
  made.ceiling = ceiling;
}

void ChangeOfTrap(Truth& made, const Truth& parent, int, Rng& rng) {
  if (rng.Chance(.5)) {
    made.quality += (made.ceiling - made.quality) * BetaOne(5, rng);
  } else {
    made.quality -= .03 * Exponential(rng);
  }
  if (parent.dead_end) made.works = false;
}

void DraftOfMildTrap(Truth& made, int, Rng& rng) {
  const bool ahead = rng.Chance(.8);
  const double u = rng.Uniform();
  ahead ? Start(made, .50 + .05 * u, .62) : Start(made, .42 + .04 * u, 1);
}

void DraftOfTrapTwo(Truth& made, int, Rng& rng) {
  const bool ahead = rng.Chance(.8);
  const double u = rng.Uniform();
  ahead ? Start(made, .55 + .05 * u, .70) : Start(made, .28 + .04 * u, 1);
}

void DraftOfDeadEnd(Truth& made, int, Rng& rng) {
  made.dead_end = rng.Chance(.5);
  Start(made, made.dead_end ? .60 : .30, 1);
}

void DraftOfDeceptive(Truth& made, int index, Rng& rng) {
  made.dead_end = index == 0 || rng.Chance(.4);
  Start(made, (made.dead_end ? .60 : .30) + .05 * rng.Uniform(), 1);
}

void ChangeOfDeceptive(Truth& made, const Truth& parent, int, Rng& rng) {
  if (parent.dead_end) {
    made.quality -= .40 + .05 * rng.Uniform();
  } else if (rng.Chance(.5)) {
    made.quality += (made.ceiling - made.quality) * BetaOne(3, rng);
  } else {
    made.quality -= .03 * Exponential(rng);
  }
}

void DraftBelow(Truth& made, double ceiling, Rng& rng) {
  Start(made, ceiling * (.43 + .2 * rng.Uniform()), ceiling);
}

void DraftOfTunnel(Truth& made, int, Rng& rng) {
  const double ceiling = .3 + .7 * BetaTwoFive(rng);
  DraftBelow(made, ceiling, rng);
}

void DraftOfPlain(Truth& made, int, Rng& rng) { DraftBelow(made, 1, rng); }

void ChangeOfPlain(Truth& made, const Truth&, int index, Rng& rng) {
  if (rng.Chance(.5 / (1 + index / 12.0))) {
    made.quality += (made.ceiling - made.quality) * BetaOne(6, rng);
  } else {
    made.quality -= .04 * Exponential(rng);
  }
}

// One change in thirty is a new beginning.
void ChangeOfTunnel(Truth& made, const Truth& parent, int index, Rng& rng) {
  if (rng.Chance(.03)) {
    DraftOfTunnel(made, index, rng);
  } else {
    ChangeOfPlain(made, parent, index, rng);
  }
}

void ToSteps(Truth& made) { made.quality = std::floor(made.quality * 20) / 20; }

void DraftOfPlateau(Truth& made, int index, Rng& rng) {
  DraftOfTunnel(made, index, rng);
  ToSteps(made);
}

void ChangeOfPlateau(Truth& made, const Truth& parent, int index, Rng& rng) {
  ChangeOfTunnel(made, parent, index, rng);
  ToSteps(made);
}

constexpr Landscape kLandscapes[] = {
    {.name = "trap-mild", .draft = DraftOfMildTrap, .change = ChangeOfTrap},
    {.name = "trap-2", .draft = DraftOfTrapTwo, .change = ChangeOfTrap},
    {.name = "dead-end", .draft = DraftOfDeadEnd, .change = ChangeOfTrap},
    {.name = "deceptive",
     .draft = DraftOfDeceptive,
     .change = ChangeOfDeceptive},
    {.name = "plain",
     .draft_breaks = .3,
     .change_breaks = .15,
     .repair_works = .6,
     .draft = DraftOfPlain,
     .change = ChangeOfPlain},
    {.name = "tunnel",
     .target = .68,
     .draft_breaks = .3,
     .change_breaks = .15,
     .repair_works = .6,
     .draft = DraftOfTunnel,
     .change = ChangeOfTunnel},
    {.name = "plateau",
     .target = .65,
     .draft_breaks = .3,
     .change_breaks = .15,
     .repair_works = .6,
     .draft = DraftOfPlateau,
     .change = ChangeOfPlateau},
};

// Half of the merges add up, the others fall between the two. The better one
// decides what can become of them.
void Merge(Truth& made, const Truth& a, const Truth& b, Rng& rng) {
  const Truth& better = a.quality >= b.quality ? a : b;
  made.ceiling = better.ceiling;
  made.dead_end = better.dead_end;
  if (rng.Chance(.5)) {
    made.quality = .8 * better.quality + .2 * better.ceiling;
  } else {
    made.quality = (a.quality + b.quality) / 2;
  }
}

}  // namespace

Truth Landscape::Root(std::uint64_t seed) const {
  return Truth{.root = true,
               .quality = start,
               .key = Rng::Stream(seed, 0, "landscape").Next()};
}

Truth Landscape::Grow(Operator op, std::span<const Truth> parents,
                      int index) const {
  const Truth& parent = parents.front();
  const bool merge = op == Operator::kMerge && parents.size() > 1;
  const bool repair = op == Operator::kDebug;
  Rng rng =
      Rng::Stream(merge ? parent.key ^ (parents[1].key << 1) : parent.key,
                  index, merge ? "merge" : (repair ? "repair" : "change"));
  Truth made = parent;
  made.key = rng.Next();
  made.works = true;
  made.root = false;
  if (merge) {
    Merge(made, parent, parents[1], rng);
  } else if (repair) {
    made.works = rng.Chance(repair_works);
  } else if (parent.root) {
    this->draft(made, index, rng);
    if (rng.Chance(draft_breaks)) made.works = false;
  } else {
    change(made, parent, index, rng);
    if (rng.Chance(change_breaks)) made.works = false;
  }
  return made;
}

std::span<const Landscape> Landscapes() { return kLandscapes; }

Result<const Landscape*> FindLandscape(std::string_view name) {
  std::string known;
  for (const Landscape& landscape : kLandscapes) {
    if (landscape.name == name) return &landscape;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", landscape.name);
  }
  return Error{.code = ErrorCode::kUsage,
               .what = fmt::format("there is no landscape \"{}\"", name),
               .next = "use one of " + known};
}

}  // namespace coppice::study
