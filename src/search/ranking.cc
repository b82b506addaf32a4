#include "search/ranking.h"

namespace coppice::search {

Ranking::Buckets* Ranking::BucketsOf(const std::optional<Standing>& standing) {
  if (!standing) return nullptr;
  if (standing->access == Access::kOpen) return &open_;
  if (standing->access == Access::kExhausted) return &exhausted_;
  return nullptr;
}

void Ranking::Move(NodeId node, const std::optional<Standing>& from,
                   const std::optional<Standing>& to) {
  const auto same = [](const Standing& a, const Standing& b) {
    return a.score == b.score && a.attempts == b.attempts &&
           a.access == b.access;
  };
  if (from && to ? same(*from, *to) : !from && !to) return;
  const std::uint32_t id = node.value();
  if (!from || !to || from->score != to->score) {
    if (from) order_.Erase(Place(from->score, id));
    if (to) order_.Insert(Place(to->score, id));
  }
  if (Buckets* buckets = BucketsOf(from)) {
    auto bucket = buckets->find(from->attempts);
    bucket->second.Erase(Place(from->score, id));
    if (bucket->second.empty()) buckets->erase(bucket);
  }
  if (Buckets* buckets = BucketsOf(to)) {
    (*buckets)[to->attempts].Insert(Place(to->score, id));
  }
}

// Equal scores are mostly few, and stand side by side.
double Ranking::Midrank(double score) const {
  constexpr int kFew = 4;
  constexpr std::uint32_t kLast = std::numeric_limits<std::uint32_t>::max();
  auto at = order_.LowerBound(Place(score, 0));
  const std::size_t below = order_.Rank(at);
  std::size_t upto = below;
  while (at != order_.end() && at->first == score && upto - below < kFew) {
    ++upto;
    ++at;
  }
  if (upto - below == kFew) upto = order_.CountBelow(Place(score, kLast));
  return static_cast<double>(below + upto - 1) / 2;
}

const Ranking::Buckets& Ranking::Selectable() const {
  return open_.empty() ? exhausted_ : open_;
}

}  // namespace coppice::search
