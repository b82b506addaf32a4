#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/outcome.h"
#include "base/result.h"
#include "base/rng.h"

namespace coppice::study {

// What is hidden about one solution of a landscape. More quality is better.
struct Truth {
  bool works = true;
  bool root = false;      // what grows from it is a draft, however it is called
  double quality = 0;     // of a broken one: what it would have, repaired
  double ceiling = 1;     // no descendant gets beyond
  bool dead_end = false;  // no child is any good
  std::uint64_t key = 0;  // names it among all solutions that could be
};

// A model of a task with a known optimum, instead of proposers and
// evaluations. Pure: what grows is a function of the parents' keys and of the
// index of the attempt on them, in whatever order a search gets there.
struct Landscape {
  std::string_view name;
  double optimum = 1;
  double target = .85;  // what counts as solved
  double start = .2;    // quality of the baseline
  double draft_breaks = 0;
  double change_breaks = 0;
  double repair_works = 0;  // and then shows what was hidden
  // Fill quality, ceiling and dead_end of what is drafted or changed as the
  // index-th attempt on its parent; may break it.
  void (*draft)(Truth& made, int index, Rng& rng) = nullptr;
  void (*change)(Truth& made, const Truth& parent, int index,
                 Rng& rng) = nullptr;

  Truth Root(std::uint64_t seed) const;
  // The index-th attempt on the first parent.
  Truth Grow(Operator op, std::span<const Truth> parents, int index) const;
};

std::span<const Landscape> Landscapes();
// kUsage, with the names there are.
Result<const Landscape*> FindLandscape(std::string_view name);

}  // namespace coppice::study
