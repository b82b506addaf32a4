#pragma once

#include <cstdint>
#include <variant>

#include "base/outcome.h"
#include "base/rng.h"

namespace coppice::study {

// What is hidden about one solution of a landscape. More quality is better.
struct Truth {
  double quality = 0;       // of a broken one: what it would have, repaired
  double ceiling = 1;       // no descendant gets beyond by small steps
  std::uint64_t world = 0;  // the seed: names what is drawn once a search
  std::uint64_t key = 0;    // names it among all solutions that could be
  std::uint32_t code = 0;   // nk: the genome; recorded: which attempt
  std::uint16_t depth = 0;
  std::uint8_t below = 0;  // valley: steps down from the rim
  bool works = true;
  bool root = false;      // what grows from it is a draft, however it is called
  bool dead_end = false;  // no child is any good
  Outcome failure = Outcome::kBuggy;  // of one that does not work
};

// How a solution came about: a bold change begins anew and breaks more often.
enum class Boldness { kUsual, kBold };

// The models: how drafts start and what changes bring. Each fills quality and
// what else it uses of a copy of the parent, as the index-th attempt on it.

// A draft fixes a ceiling; gains are shares of what is left below it and get
// rare with many siblings.
struct Climb {
  double ceiling_low = .3, ceiling_span = .7;  // low + span·Beta(2, 5)
  double start_low = .43, start_span = .2;     // of the ceiling: low + span·U
  double start_fixed = 0;                      // added to the start
  double start_slope = 0;  // times the ceiling: high ones may start low
  double gain_chance = .5;
  double crowding = 12;   // siblings that halve the chance of a gain
  double gain_shape = 6;  // a gain is a share Beta(1, shape)
  double slow_shape = 6;  // the same below ceilings above slow_above
  double slow_above = 2;
  double loss = .04;        // mean of the others
  double pivot = .03;       // chance that a change is a new beginning
  double shift_chance = 0;  // of gains that move the ceiling,
  double shift = .08;       // by a normal step
  double step = 0;          // quality is seen in such steps; 0: smooth

  // Any of the above, as one seed draws it.
  static Climb Drawn(std::uint64_t seed);
  Boldness Draft(Truth& made, int index, Rng& rng) const;
  Boldness Change(Truth& made, const Truth& parent, int index, Rng& rng) const;
};

// Climbs whose constants are drawn anew for every seed.
struct Meta {
  Boldness Draft(Truth& made, int index, Rng& rng) const;
  Boldness Change(Truth& made, const Truth& parent, int index, Rng& rng) const;
};

// Two kinds of drafts; those ahead end low. A change gains a Beta(1, 5) share
// of what is left or loses .03 on average, one as likely as the other.
struct Trap {
  double ahead = .8;  // share of drafts
  double ahead_start = 0, ahead_spread = 0, ahead_ceiling = 1;
  double behind_start = 0, behind_spread = 0;
  bool dead_end = false;  // whatever is made of those ahead is broken

  Boldness Draft(Truth& made, int index, Rng& rng) const;
  Boldness Change(Truth& made, const Truth& parent, int index, Rng& rng) const;
};

// The first draft is a dead end whose children work but are much worse; so are
// two of five others.
struct FirstTrap {
  Boldness Draft(Truth& made, int index, Rng& rng) const;
  Boldness Change(Truth& made, const Truth& parent, int index, Rng& rng) const;
};

// Levels .14 apart; from one to the next it goes down .08, then .05.
struct Valley {
  Boldness Draft(Truth& made, int index, Rng& rng) const;
  Boldness Change(Truth& made, const Truth& parent, int index, Rng& rng) const;
};

// Kauffman's NK: each of 32 bits contributes by itself and its 4 neighbours.
struct Nk {
  double start = .2;  // of the landscape
  Boldness Draft(Truth& made, int index, Rng& rng) const;
  Boldness Change(Truth& made, const Truth& parent, int index, Rng& rng) const;
  void Merge(Truth& made, const Truth& a, const Truth& b, Rng& rng) const;
};

// Rare gains are huge, and nothing saturates.
struct HeavyTail {
  double scale = .003;
  double most = 3;
  Boldness Draft(Truth& made, int index, Rng& rng) const;
  Boldness Change(Truth& made, const Truth& parent, int index, Rng& rng) const;
};

// Nothing guides: every attempt finds the needle with the same small chance.
struct Needle {
  double chance = 1. / 400;
  Boldness Draft(Truth& made, int index, Rng& rng) const;
  Boldness Change(Truth& made, const Truth& parent, int index, Rng& rng) const;
};

using LandscapeModel =
    std::variant<Climb, Meta, Trap, FirstTrap, Valley, Nk, HeavyTail, Needle>;

// A Beta(1, b) number.
double BetaOne(double b, Rng& rng);
double Exponential(Rng& rng);  // of mean 1

}  // namespace coppice::study
