#pragma once

#include <memory>

#include "search/policy.h"
#include "spec/spec.h"

// Ideas beyond SEARCH.md, tried against the default (docs/search.md has the
// outcome). Experiments: no spec names them.

namespace coppice::study {

struct Ideas {
  // Of selections: start or go on with an excursion, which grows `steps`
  // generations from a node drawn evenly from the better half, each from the
  // one before, whatever it measured.
  double excursions = 0;
  int steps = 3;
  // Of selections: the greatest rank + (.2·ln T/(1 + e))², MaxUCB's breadth
  // (arXiv 2505.05226), instead of the default's rule.
  double breadth = 0;
};

// The default, and with some probability one of the ideas instead of its rule.
std::unique_ptr<search::Policy> MakeWithIdeas(const spec::Spec& spec,
                                              const Ideas& ideas);

}  // namespace coppice::study
