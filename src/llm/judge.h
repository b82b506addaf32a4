#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/judge_item.h"
#include "llm/proposer.h"

namespace coppice::llm {

// One of the items that every node of a run is judged by.
struct DrawnItem {
  std::string bucket;
  std::string id;
  std::string text = {};  // the base's, for a judge of pairs

  friend bool operator==(const DrawnItem&, const DrawnItem&) = default;
};

// What a run is judged by. The second draw shares no item with the first and is
// for those in the final alone, so that a search that has come to please the
// first is seen (MEASURE §12); it is smaller, or empty, where the base has few.
struct Draws {
  std::vector<DrawnItem> first;
  std::vector<DrawnItem> second;

  friend bool operator==(const Draws&, const Draws&) = default;
};

// All that a judge gets to know: never the change, its idea, the node's number
// or score, or which side is the new one.
struct JudgeRequest {
  std::vector<JudgeItem> items;
  int sample = 0;       // of its node: chooses the order of the items
  bool fresh = true;    // scores of equal texts from before do not count
  bool second = false;  // by the items of the second draw
};

// Numbers, or why there are none.
struct Judged {
  std::map<std::string, double> metrics;  // judge_score and others
  std::string lost;   // our own fault or the judge's, never the candidate's
  std::string cause;  // of Unavailable where it was not asked: "budget", ...
};

// A model, or a panel, as a measuring instrument (MEASURE §12). Conductor
// thread; several calls at once.
class Judge {
 public:
  virtual ~Judge() = default;
  // Every call is recorded in `log`, one or a few a batch of items. The first
  // one of a judge that has drawn nothing yet draws from these items.
  virtual Task<Judged> Score(JudgeRequest request, CallLog& log) = 0;
  // Empty before the first Score.
  virtual const Draws& drawn() const = 0;
};

}  // namespace coppice::llm
