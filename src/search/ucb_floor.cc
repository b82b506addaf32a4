#include "search/ucb_floor.h"

#include <tuple>

namespace coppice::search {
namespace {

constexpr int kYoung = 4;
constexpr std::size_t kLookBack = 8;
constexpr double kRisingWeight = 2;

}  // namespace

// Ties: fewer attempts first, then newer. Baseline and range are the same for
// all lineages and change no order.
bool LineageFloor::Claim::operator<(const Claim& other) const {
  return std::tuple(!young, -worth, attempts, other.id) <
         std::tuple(!other.young, -other.worth, other.attempts, id);
}

void LineageFloor::Update(ChainIndex& index, const UcbClock& clock) {
  if (edition_ != clock.edition()) {
    edition_ = clock.edition();
    index.touched.clear();
    for (const auto& [id, lineage] : index.lineages) {
      index.touched.push_back(id);
    }
  }
  for (NodeId id : index.touched) {
    Lineage& lineage = index.lineages.at(id);
    lineage.touched = false;
    std::optional<Claim> claim;
    if (lineage.ranking.AnyOpen()) {
      claim = Claim{.young = lineage.attempts < kYoung,
                    .attempts = lineage.attempts,
                    .id = id};
      if (!claim->young) {
        claim->worth =
            lineage.ranking.best() + kRisingWeight * clock.Gain(id, kLookBack);
      }
    }
    Set(id, claim);
  }
  index.touched.clear();
}

void LineageFloor::Set(NodeId lineage, std::optional<Claim> claim) {
  auto known = claims_.find(lineage);
  if (known != claims_.end()) {
    if (claim == known->second) return;
    order_.erase(known->second);
    claims_.erase(known);
  }
  if (!claim) return;
  claims_.emplace(lineage, *claim);
  order_.insert(*claim);
}

std::optional<NodeId> LineageFloor::First() const {
  if (order_.empty()) return std::nullopt;
  return order_.begin()->id;
}

}  // namespace coppice::search
