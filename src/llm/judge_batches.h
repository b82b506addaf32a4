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
  std::optional<double> known = {};  // of an anchor
  // Of a pair: what the text is compared with, and whether it stands first.
  // `known` is then by how much the text is the better one.
  std::string against = {};
  bool against_first = false;

  friend bool operator==(const BatchEntry&, const BatchEntry&) = default;
};
// At most batch_size items each, in an order of their own, and all anchors
// among them; of a judge of pairs, each anchor against the next worse one.
// `stream` chooses the order, and which text of a pair stands first.
std::vector<std::vector<BatchEntry>> MakeBatches(const spec::Judge& judge,
                                                 std::vector<BatchEntry> items,
                                                 std::int64_t stream);

// What a judge said of one item: the score, and each field it was asked for.
struct ItemScore {
  double score = 0;
  std::map<std::string, double> fields = {};
  double spread = 0;  // from the lowest to the highest of a panel

  friend bool operator==(const ItemScore&, const ItemScore&) = default;
};

// Of one pair.
inline constexpr double kLoss = 0;
inline constexpr double kTie = 50;
inline constexpr double kWin = 100;
// What a judge said of pairs in one order and in the other: a tie wherever it
// does not say the same.
std::vector<ItemScore> BothWays(const std::vector<ItemScore>& one,
                                const std::vector<ItemScore>& other);

// What a panel said: of each item the median of its judges, field by field. All
// lists are of one length; at least one.
std::vector<ItemScore> Middle(
    const std::vector<std::vector<ItemScore>>& judges);

// Why the judge is not to be believed: an anchor off by more than a tenth of
// the scale, or two in the wrong order; nothing if it is.
std::optional<std::string> AnchorsOff(std::span<const BatchEntry> entries,
                                      std::span<const ItemScore> scores,
                                      const spec::JudgeScale& scale);

// The same of pairs of anchors: a worse text preferred, or a tie where the two
// are more than a tenth of the scale apart.
std::optional<std::string> PairsOff(std::span<const BatchEntry> entries,
                                    std::span<const ItemScore> scores,
                                    const spec::JudgeScale& scale);

// The numbers of SPEC §6 over the drawn items, or win_rate in per cent; an item
// without a score scores lowest and is counted. Of a panel also
// judge_disagreement, the mean spread.
std::map<std::string, double> Aggregate(
    const spec::Spec& spec, std::span<const DrawnItem> drawn,
    const std::map<std::string, ItemScore>& scores);

}  // namespace coppice::llm
