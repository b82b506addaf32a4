#pragma once

#include <boost/container/static_vector.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/boxed.h"
#include "base/clock.h"
#include "base/compact_string.h"
#include "base/ids.h"
#include "base/interned.h"
#include "base/lifetime.h"
#include "base/outcome.h"
#include "base/patch.h"
#include "base/result.h"
#include "search/event.h"
#include "search/journal.h"
#include "search/tree.h"

// What a state keeps of an attempt: the journal's records without their long
// texts, and small, because a search keeps all of them.

namespace coppice::search {

// A call of an attempt. Its prompt stays in the journal.
struct Turn {
  int turn = 0;
  Interned arm;
  Interned role;
  double reserve_usd = 0;
  std::int64_t reserve_tokens = 0;
  std::int64_t asked_seq = 0;     // of its record
  std::int64_t answered_seq = 0;  // of its answer's record; 0 = none
  // That answer, while the attempt has no outcome.
  std::shared_ptr<const Answered> answered;
};

// `selected`, as it stands.
struct Choice {
  Choice() = default;
  explicit Choice(const Selected& e);  // at most kMostParents parents

  Operator op = Operator::kDraft;
  bool history_withheld = false;
  int chain = 0;
  boost::container::static_vector<AttemptId, kMostParents> parents;
  Interned arm;
  CompactString idea;
};

// llm::Plan.
struct PlanNote {
  PlanNote() = default;
  explicit PlanNote(const llm::Plan& plan);

  CompactString idea;
  Interned category;
  CompactString bottleneck;
  CompactString alternatives;
  CompactString expect;
  CompactString risk;
  CompactString lesson;
  std::vector<std::string> needs;
};

// FileStat.
struct FileNote {
  FileNote() = default;
  FileNote(const FileStat& stat);
  operator FileStat() const;

  Interned path;
  int added = 0;
  int removed = 0;
  bool created = false;
  bool deleted = false;
};

// `evaluated`; what a failure printed stays in the journal.
struct Finding {
  Finding() = default;
  Finding(const Evaluated& e, std::int64_t seq);

  Outcome outcome = Outcome::kValid;
  bool printed = false;  // the record has a tail
  double sigma = 0;
  std::optional<double> value;
  std::int64_t seq = 0;  // of its record
  Boxed<Gain> gain;
  CompactString signature;
  CompactString log;
  std::vector<std::string> flags;
  eval::PhaseSeconds seconds;
};

// What is known of one attempt beyond the tree: for views, resume and prompts.
struct AttemptInfo {
  Choice selected;
  std::vector<Turn> turns;
  bool rejected = false;
  Boxed<Finding> evaluated;
  PlanNote plan;
  std::vector<FileNote> files;
  std::vector<std::string> needs;
  CompactString reason;  // why it ended so; none while it goes on
  CompactString matched;
  CompactString diagnosis;  // what evaluation.diagnose printed
  std::vector<std::string> flags;
  double propose_seconds = 0;
  double measure_seconds = 0;
  double reward = 0;  // r of the bandit
  double usd = 0;
  std::int64_t input_tokens = 0;
  std::int64_t output_tokens = 0;
  WallTime selected_at;
  WallTime finished_at;
  std::int64_t selected_seq = 0;   // of its `selected` record
  std::int64_t asked_seq = 0;      // of its first `asked` record; 0 = none
  std::int64_t calls_seq = 0;      // of its last `asked` or `answered` one
  std::int64_t committed_seq = 0;  // of its `committed` record; texts are there
};

// What is known of an attempt, to look at: of one that goes on, as it stands
// and will stand; of another, a copy of its own. What is read of a temporary
// one is gone with it, so most should have a name.
class InfoView {
 public:
  InfoView(std::nullptr_t) {}
  explicit InfoView(std::shared_ptr<const AttemptInfo> info)
      : info_(std::move(info)) {}

  const AttemptInfo& operator*() const COPPICE_LIFETIMEBOUND { return *info_; }
  const AttemptInfo* operator->() const COPPICE_LIFETIMEBOUND {
    return info_.get();
  }
  explicit operator bool() const { return info_ != nullptr; }
  friend bool operator==(const InfoView& info, std::nullptr_t) {
    return info.info_ == nullptr;
  }

 private:
  std::shared_ptr<const AttemptInfo> info_;
};

// The last that a failed node printed, as its record tells; "" of others.
Result<std::string> OutputOf(const AttemptInfo& info, Journal& journal);

}  // namespace coppice::search
