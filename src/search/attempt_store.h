#pragma once

#include <deque>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/compact_string.h"
#include "base/ids.h"
#include "search/attempt_info.h"
#include "search/packing.h"

namespace coppice::search {

// What is known of all attempts, by their numbers. Those that go on stand as
// they are; the others are packed into a fifth of that. Conductor thread, or
// one owner.
class AttemptStore {
 public:
  // To look at; nullptr of an attempt that nothing is known of.
  InfoView Of(AttemptId attempt) const;

  // To change, until Settle; these add what is not known, or give nullptr.
  AttemptInfo& operator[](AttemptId attempt);
  AttemptInfo* Find(AttemptId attempt);

  // Packs those that were given away to be changed and that have ended, as
  // `ended` says; an answer that is still wanted keeps its attempt open.
  template <class Ended>
  void Settle(Ended ended) {
    for (AttemptId attempt : std::exchange(given_, {})) {
      if (ended(attempt)) Pack(attempt);
    }
  }

  using Open = std::map<AttemptId, std::shared_ptr<AttemptInfo>>;
  const Open& open() const { return open_; }

 private:
  bool IsPacked(AttemptId attempt) const;
  void Pack(AttemptId attempt);
  AttemptInfo Unpacked(AttemptId attempt) const;

  NameTable names_;
  WallTime origin_;  // the packed tell their times from here
  Open open_;
  std::deque<CompactString> packed_;  // by number; empty: open or unknown
  std::vector<AttemptId> given_;
};

}  // namespace coppice::search
