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

// `count` of these ids, the same for the same set.
std::vector<DrawnItem> DrawSome(const spec::Judge& judge,
                                std::vector<DrawnItem> from, std::size_t count,
                                std::string_view purpose) {
  std::ranges::sort(from, {}, &DrawnItem::id);
  ShuffleBy(Rng::Stream(static_cast<std::uint64_t>(judge.seed), 0, purpose),
            from);
  if (from.size() > count) from.resize(count);
  std::ranges::sort(from, {}, &DrawnItem::id);
  return from;
}

Error TooFew(std::string what) {
  return Error{.code = ErrorCode::kCheck,
               .what = std::move(what),
               .next =
                   "let the evaluation write more items, or ask for fewer in "
                   "judge.strata"};
}

double Field(const ItemScore& score, const std::string& name, double lowest) {
  const auto found = score.fields.find(name);
  return found == score.fields.end() ? lowest : found->second;
}

}  // namespace

Result<std::vector<DrawnItem>> DrawItems(const spec::Judge& judge,
                                         std::span<const JudgeItem> items) {
  std::vector<DrawnItem> all;
  for (const JudgeItem& item : items) all.push_back({item.bucket, item.id});
  if (all.empty()) return TooFew(judge.items + " of the base holds no item");
  if (judge.strata.empty()) {
    return DrawSome(judge, std::move(all),
                    static_cast<std::size_t>(judge.sample_size), "judge");
  }
  std::vector<DrawnItem> drawn;
  for (const spec::Stratum& stratum : judge.strata) {
    std::vector<DrawnItem> bucket;
    std::ranges::copy_if(
        all, std::back_inserter(bucket),
        [&](const DrawnItem& item) { return item.bucket == stratum.bucket; });
    const auto count = static_cast<std::size_t>(stratum.count);
    if (bucket.size() < count) {
      return TooFew(fmt::format(
          "judge.strata wants {} items of the bucket \"{}\", and {} of the "
          "base holds {}",
          count, OneLine(stratum.bucket, 60), judge.items, bucket.size()));
    }
    for (DrawnItem& item :
         DrawSome(judge, std::move(bucket), count, "judge " + stratum.bucket)) {
      drawn.push_back(std::move(item));
    }
  }
  return drawn;
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
    for (const spec::Anchor& anchor : judge.anchors) {
      batch.push_back({anchor.id, anchor.text, anchor.score});
    }
    shuffle(batch, stream + static_cast<std::int64_t>(i) + 1);
  }
  return batches;
}

std::optional<std::string> AnchorsOff(std::span<const BatchEntry> entries,
                                      std::span<const ItemScore> scores,
                                      const spec::JudgeScale& scale) {
  constexpr double kShare = 0.1;  // 1 on a 10-point scale
  constexpr double kRounding = 1e-9;
  const double allowed = kShare * (scale.high - scale.low) + kRounding;
  auto name = [&](std::size_t i) {
    return entries[i].id.empty() ? fmt::format("anchor {}", i + 1)
                                 : fmt::format("anchor {}", entries[i].id);
  };
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (!entries[i].known) continue;
    if (std::abs(scores[i].score - *entries[i].known) > allowed) {
      return fmt::format("{} is {} and was scored {}", name(i),
                         FormatNumber(*entries[i].known),
                         FormatNumber(scores[i].score));
    }
    for (std::size_t k = 0; k < entries.size(); ++k) {
      const bool below =
          entries[k].known && *entries[i].known < *entries[k].known;
      if (below && scores[i].score > scores[k].score) {
        return fmt::format("{} was scored above {}, which is better", name(i),
                           name(k));
      }
    }
  }
  return std::nullopt;
}

std::map<std::string, double> Aggregate(
    const spec::Spec& spec, std::span<const DrawnItem> drawn,
    const std::map<std::string, ItemScore>& scores) {
  const spec::JudgeScale scale = spec::ScaleOf(spec);
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
  metrics["mean_score"] = mean([](const ItemScore& s) { return s.score; });
  metrics["judge_missing"] = missing;
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
