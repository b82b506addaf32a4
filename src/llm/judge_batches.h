#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "llm/judge.h"
#include "spec/judge_names.h"

// Which items a judge sees, and what its scores come to. Pure functions.

namespace coppice::llm {

// The items of a run: `strata` with their counts, else sample_size over all;
// the second draw (judge.seed + 1) likewise from what the first has left, as
// far as it goes. Follows from judge.seed and the set of the items, not from
// their order. Error (kCheck): a stratum with fewer items than its count, no
// item at all.
Result<Draws> DrawItems(const spec::Judge& judge,
                        std::span<const JudgeItem> items);

// An item or an anchor in a batch.
struct BatchEntry {
  std::string id;
  std::string text;
  std::optional<double> known;  // of an anchor

  friend bool operator==(const BatchEntry&, const BatchEntry&) = default;
};
// At most batch_size items each, in an order of their own, and all anchors
// among them. `stream` chooses the order.
std::vector<std::vector<BatchEntry>> MakeBatches(const spec::Judge& judge,
                                                 std::vector<BatchEntry> items,
                                                 std::int64_t stream);

// What a judge said of one item: the score, and each field it was asked for.
struct ItemScore {
  double score = 0;
  std::map<std::string, double> fields;
};

// Why the judge is not to be believed: an anchor off by more than a tenth of
// the scale, or two in the wrong order; nothing if it is.
std::optional<std::string> AnchorsOff(std::span<const BatchEntry> entries,
                                      std::span<const ItemScore> scores,
                                      const spec::JudgeScale& scale);

// The numbers of SPEC §6 over the drawn items; one without a score scores
// lowest and is counted.
std::map<std::string, double> Aggregate(
    const spec::Spec& spec, std::span<const DrawnItem> drawn,
    const std::map<std::string, ItemScore>& scores);

}  // namespace coppice::llm
