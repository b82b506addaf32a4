#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/outcome.h"
#include "base/result.h"
#include "base/rng.h"
#include "study/landscape_models.h"

namespace coppice::study {

class RecordedRun;

// A model of a task with a known optimum, instead of proposers and
// evaluations. Pure: what grows is a function of the parents' keys and of the
// index of the attempt on them, in whatever order a search gets there.
struct Landscape {
  std::string name;
  std::string alias;     // another name for it; may be empty
  std::string about;     // what it is like, in a line
  std::string ancestry;  // the published landscape it comes from
  bool trap = false;     // made for one question; the others are families
  double optimum = 1;    // no solution is better
  double target = .85;   // what counts as solved
  double start = .2;     // quality of the baseline
  double draft_breaks = 0;
  double change_breaks = 0;
  double bold_breaks = 0;   // of changes that begin anew
  double repair_works = 0;  // and then shows what was hidden
  // Of a change, for each of its siblings in flight: it is the same change.
  double duplicates = 0;
  double outliers = 0;  // share of the children that score -100
  LandscapeModel model;
  // Instead of the model: what a run on record met. Shared by copies.
  std::shared_ptr<const RecordedRun> recorded;

  Truth Root(std::uint64_t seed) const;
  // The index-th attempt on the first parent.
  Truth Grow(Operator op, std::span<const Truth> parents, int index) const;
  // The noise that comes with the landscape of a seed; nothing: the user's.
  std::optional<double> Noise(std::uint64_t seed) const;
};

// All that are built in; the families first, then the traps.
std::span<const Landscape> Landscapes();
// By name or alias; kUsage, with the names there are and the nearest.
Result<const Landscape*> FindLandscape(std::string_view name);

}  // namespace coppice::study
