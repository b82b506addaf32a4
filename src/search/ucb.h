#pragma once

#include <memory>

#include "search/policy.h"
#include "spec/spec.h"

namespace coppice::search {

// The constants of SEARCH.md §2.1.
struct UcbOptions {
  double calm = 1;       // C without stagnation
  double restless = 5;   // C when nothing has happened for long
  bool floor = true;     // a share of the attempts is spread over the lineages
  double widening = .7;  // new roots by this times √T
  double eps = .01;      // least step, of the climb so far, that is progress
  double patience = 15;  // attempts without progress until restless: this,
  double patience_share = .3;  // or this share of those before it
};

UcbOptions UcbOptionsOf(const spec::Search& search);
std::unique_ptr<Policy> MakeUcb(const spec::Spec& spec,
                                const UcbOptions& options);

}  // namespace coppice::search
