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

double Field(const ItemScore& score, const std::string& name, double lowest) {
  const auto found = score.fields.find(name);
  return found == score.fields.end() ? lowest : found->second;
}

}  // namespace

Result<Draws> DrawItems(const spec::Judge& judge,
                        std::span<const JudgeItem> items) {
  std::vector<DrawnItem> all;
  for (const JudgeItem& item : items) all.push_back({item.bucket, item.id});
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
