#pragma once

#include <cstddef>
#include <deque>

#include "base/ids.h"
#include "vcs/slots.h"

namespace coppice::vcs {

// How far evaluated nodes are from the checkout below them (the rule stands at
// kDriftWindow). Conductor thread; MovePays, which reads trees, from any while
// nothing is noted.
class Drift {
 public:
  // A node, and the files in which it differs from the checkout.
  void Note(ObjectId commit, std::size_t files);
  // Is it worth asking whether a move would pay?
  bool IsFar() const;
  bool MovePays(Store& store, ObjectId best) const;
  // It was asked, whatever came of it: a new window.
  void Begin() { window_.clear(); }

 private:
  struct Noted {
    ObjectId commit;
    std::size_t files = 0;
  };
  std::deque<Noted> window_;
};

}  // namespace coppice::vcs
