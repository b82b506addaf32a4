#include "llm/judge_batches.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/rng.h"
#include "base/text.h"

namespace coppice::llm {
namespace {

template <class T>
void ShuffleBy(Rng rng, std::vector<T>& all) {
  for (std::size_t i = all.size(); i > 1; --i) {
    std::swap(all[i - 1], all[rng.Below(i)]);
  }
}

// Moves `count` of these ids to `to`, the same for the same set.
void DrawSome(std::uint64_t seed, std::vector<DrawnItem>& from,
              std::size_t count, std::string_view purpose,
              std::vector<DrawnItem>& to) {
  std::ranges::sort(from, {}, &DrawnItem::id);
  ShuffleBy(Rng::Stream(seed, 0, purpose), from);
  const auto end =
      from.begin() + static_cast<std::ptrdiff_t>(std::min(count, from.size()));
  std::sort(from.begin(), end,
            [](const auto& a, const auto& b) { return a.id < b.id; });
  to.insert(to.end(), from.begin(), end);
  from.erase(from.begin(), end);
}

Error TooFew(std::string what) {
  return Error{.code = ErrorCode::kCheck,
               .what = std::move(what),
               .next =
                   "let the evaluation write more items, or ask for fewer in "
                   "judge.strata"};
}

// Whatever is known: texts with their scores, or each text against the next
// worse one.
std::vector<BatchEntry> AnchorEntries(const spec::Judge& judge) {
  std::vector<BatchEntry> entries;
  std::vector<spec::Anchor> anchors = judge.anchors;
  if (!spec::JudgesPairs(judge)) {
    for (spec::Anchor& anchor : anchors) {
      entries.push_back(
          {std::move(anchor.id), std::move(anchor.text), anchor.score});
    }
    return entries;
  }
  std::ranges::sort(anchors, {}, &spec::Anchor::score);
  for (std::size_t i = 1; i < anchors.size(); ++i) {
    const double better = anchors[i].score - anchors[i - 1].score;
    if (better <= 0) continue;
    entries.push_back({.id = anchors[i].id,
                       .text = anchors[i].text,
                       .known = better,
                       .against = anchors[i - 1].text});
  }
  return entries;
}

void FlipCoins(const spec::Judge& judge, std::int64_t stream,
               std::vector<BatchEntry>& batch) {
  Rng rng = Rng::Stream(static_cast<std::uint64_t>(judge.seed), stream,
                        "judge sides");
  for (BatchEntry& entry : batch) entry.against_first = rng.Chance(.5);
}

// How far a known score may be missed: 1 on a 10-point scale.
double Tolerance(const spec::JudgeScale& scale) {
  constexpr double kShare = 0.1;
  constexpr double kRounding = 1e-9;
  return kShare * (scale.high - scale.low) + kRounding;
}

std::string AnchorName(std::span<const BatchEntry> entries, std::size_t i) {
  return entries[i].id.empty() ? fmt::format("anchor {}", i + 1)
                               : fmt::format("anchor {}", entries[i].id);
}

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half]
                                : (values[half - 1] + values[half]) / 2;
}

double Field(const ItemScore& score, const std::string& name, double lowest) {
  const auto found = score.fields.find(name);
  return found == score.fields.end() ? lowest : found->second;
}

}  // namespace

Result<Draws> DrawItems(const spec::Judge& judge,
                        std::span<const JudgeItem> items) {
  std::vector<DrawnItem> all;
  const bool pairs = spec::JudgesPairs(judge);
  for (const JudgeItem& item : items) {
    all.push_back({item.bucket, item.id, pairs ? item.text : ""});
  }
  if (all.empty()) return TooFew(judge.items + " of the base holds no item");
  const auto seed = static_cast<std::uint64_t>(judge.seed);
  Draws draws;
  auto draw = [&](std::vector<DrawnItem> from, int wanted,
                  const std::string& purpose) {
    const auto count = static_cast<std::size_t>(wanted);
    DrawSome(seed, from, count, purpose, draws.first);
    DrawSome(seed + 1, from, count, purpose, draws.second);
  };
  if (judge.strata.empty()) draw(std::move(all), judge.sample_size, "judge");
  for (const spec::Stratum& stratum : judge.strata) {
    std::vector<DrawnItem> bucket;
    std::ranges::copy_if(
        all, std::back_inserter(bucket),
        [&](const DrawnItem& item) { return item.bucket == stratum.bucket; });
    if (std::ssize(bucket) < stratum.count) {
      return TooFew(fmt::format(
          "judge.strata wants {} items of the bucket \"{}\", and {} of the "
          "base holds {}",
          stratum.count, OneLine(stratum.bucket, 60), judge.items,
          bucket.size()));
    }
    draw(std::move(bucket), stratum.count, "judge " + stratum.bucket);
  }
  return draws;
}

std::vector<std::vector<BatchEntry>> MakeBatches(const spec::Judge& judge,
                                                 std::vector<BatchEntry> items,
                                                 std::int64_t stream) {
  const auto size = static_cast<std::size_t>(judge.batch_size);
  auto shuffle = [&](std::vector<BatchEntry>& entries, std::int64_t number) {
    ShuffleBy(Rng::Stream(static_cast<std::uint64_t>(judge.seed), number,
                          "judge order"),
              entries);
  };
  shuffle(items, stream);
  std::vector<std::vector<BatchEntry>> batches;
  for (std::size_t i = 0; i < items.size(); i += size) {
    std::vector<BatchEntry>& batch = batches.emplace_back();
    for (std::size_t k = i; k < std::min(i + size, items.size()); ++k) {
      batch.push_back(std::move(items[k]));
    }
    std::ranges::move(AnchorEntries(judge), std::back_inserter(batch));
    const std::int64_t number = stream + static_cast<std::int64_t>(i) + 1;
    shuffle(batch, number);
    if (spec::JudgesPairs(judge)) FlipCoins(judge, number, batch);
  }
  return batches;
}

std::vector<ItemScore> BothWays(const std::vector<ItemScore>& one,
                                const std::vector<ItemScore>& other) {
  std::vector<ItemScore> agreed = one;
  for (std::size_t i = 0; i < agreed.size(); ++i) {
    if (one[i].score != other[i].score) agreed[i].score = kTie;
  }
  return agreed;
}

std::vector<ItemScore> Middle(
    const std::vector<std::vector<ItemScore>>& judges) {
  std::vector<ItemScore> middle;
  for (std::size_t i = 0; i < judges.front().size(); ++i) {
    std::vector<double> scores;
    std::map<std::string, std::vector<double>> fields;
    for (const std::vector<ItemScore>& one : judges) {
      scores.push_back(one[i].score);
      for (const auto& [name, value] : one[i].fields) {
        fields[name].push_back(value);
      }
    }
    const auto [low, high] = std::ranges::minmax(scores);
    ItemScore& score = middle.emplace_back();
    score.score = Median(std::move(scores));
    score.spread = high - low;
    for (auto& [name, values] : fields) {
      score.fields[name] = Median(std::move(values));
    }
  }
  return middle;
}

std::optional<std::string> AnchorsOff(std::span<const BatchEntry> entries,
                                      std::span<const ItemScore> scores,
                                      const spec::JudgeScale& scale) {
  const double allowed = Tolerance(scale);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (!entries[i].known) continue;
    if (std::abs(scores[i].score - *entries[i].known) > allowed) {
      return fmt::format("{} is {} and was scored {}", AnchorName(entries, i),
                         FormatNumber(*entries[i].known),
                         FormatNumber(scores[i].score));
    }
    for (std::size_t k = 0; k < entries.size(); ++k) {
      const bool below =
          entries[k].known && *entries[i].known < *entries[k].known;
      if (below && scores[i].score > scores[k].score) {
        return fmt::format("{} was scored above {}, which is better",
                           AnchorName(entries, i), AnchorName(entries, k));
      }
    }
  }
  return std::nullopt;
}

std::optional<std::string> PairsOff(std::span<const BatchEntry> entries,
                                    std::span<const ItemScore> scores,
                                    const spec::JudgeScale& scale) {
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (!entries[i].known || scores[i].score == kWin) continue;
    if (scores[i].score == kTie && *entries[i].known <= Tolerance(scale)) {
      continue;
    }
    return fmt::format(
        "{} is better by {} than a text that was {}", AnchorName(entries, i),
        FormatNumber(*entries[i].known),
        scores[i].score == kTie ? "called its equal" : "preferred to it");
  }
  return std::nullopt;
}

std::map<std::string, double> Aggregate(
    const spec::Spec& spec, std::span<const DrawnItem> drawn,
    const std::map<std::string, ItemScore>& scores) {
  const bool pairs = spec::JudgesPairs(*spec.judge);
  const spec::JudgeScale scale =
      pairs ? spec::JudgeScale{.low = 0, .high = 100} : spec::ScaleOf(spec);
  std::vector<ItemScore> all;
  double missing = 0;
  for (const DrawnItem& item : drawn) {
    const auto found = scores.find(item.id);
    if (found == scores.end()) ++missing;
    all.push_back(found == scores.end() ? ItemScore{.score = scale.low}
                                        : found->second);
  }
  auto mean = [&](auto&& value) {
    double sum = 0;
    for (const ItemScore& score : all) sum += value(score);
    return all.empty() ? scale.low : sum / static_cast<double>(all.size());
  };
  std::map<std::string, double> metrics;
  metrics[pairs ? std::string(spec::kWinRate) : "mean_score"] =
      mean([](const ItemScore& s) { return s.score; });
  metrics["judge_missing"] = missing;
  if (spec.judge->models.size() > 1) {
    metrics["judge_disagreement"] =
        mean([](const ItemScore& s) { return s.spread; });
  }
  for (const std::string& name : spec::JudgeNames(spec)) {
    if (const auto field = spec::FieldOf(name)) {
      metrics[name] =
          mean([&](const ItemScore& s) { return Field(s, *field, scale.low); });
    } else if (const auto least = spec::ThresholdOf(name)) {
      metrics[name] = mean(
          [&](const ItemScore& s) { return s.score >= *least ? 100.0 : 0.0; });
    }
  }
  metrics[std::string(spec::kJudgeScore)] = metrics.at(spec.judge->primary);
  return metrics;
}

}  // namespace coppice::llm
