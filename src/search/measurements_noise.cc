#include "search/measurements_noise.h"

#include <algorithm>
#include <cmath>

// σ is 1.4826 times the median of all residuals |x - mean(group)|·√(n/(n-1)).
// A new sample moves the mean of its group and so every residual of it: they
// leave the ordered bag of all residuals and enter it anew.

namespace coppice::search {
namespace {

constexpr std::size_t kBlock = 512;
constexpr std::size_t kSmallestGroup = 3;
constexpr double kMadToSigma = 1.4826;

void InsertSorted(std::vector<double>& sorted, double x) {
  sorted.insert(std::ranges::upper_bound(sorted, x), x);
}

void EraseSorted(std::vector<double>& sorted, double x) {
  sorted.erase(std::ranges::lower_bound(sorted, x));
}

}  // namespace

void OrderedBag::Insert(double x) {
  ++size_;
  if (blocks_.empty()) {
    blocks_.push_back({x});
    return;
  }
  auto block = std::ranges::lower_bound(blocks_, x, {},
                                        [](const auto& b) { return b.back(); });
  if (block == blocks_.end()) --block;
  InsertSorted(*block, x);
  if (block->size() <= kBlock) return;
  auto middle = block->begin() + kBlock / 2;
  std::vector<double> upper(middle, block->end());
  block->erase(middle, block->end());
  blocks_.insert(std::next(block), std::move(upper));
}

void OrderedBag::Erase(double x) {
  auto block = std::ranges::lower_bound(blocks_, x, {},
                                        [](const auto& b) { return b.back(); });
  EraseSorted(*block, x);
  if (block->empty()) blocks_.erase(block);
  --size_;
}

double OrderedBag::At(std::size_t rank) const {
  auto block = blocks_.begin();
  for (; rank >= block->size(); ++block) rank -= block->size();
  return (*block)[rank];
}

double OrderedBag::Mean() const {
  const double first = blocks_.front().front();
  double sum = 0;
  for (const std::vector<double>& block : blocks_) {
    for (double x : block) sum += x - first;
  }
  return first + sum / static_cast<double>(size_);
}

double NoisePool::Group::Residual(double x) const {
  return std::abs(x - mean) * factor;
}

// A mean of 0 has no relative residuals.
bool NoisePool::Counts(const Group& group) const {
  return group.sorted.size() >= kSmallestGroup &&
         !(relative_ && group.mean == 0);
}

void NoisePool::Enter(Group& group) {
  sigma_.reset();
  if (group.sorted.empty()) return;
  const auto n = static_cast<double>(group.sorted.size());
  // Equal samples must have no residuals, whatever was there before.
  if (group.sorted.front() == group.sorted.back()) {
    group.sum = n * (group.sorted.front() - group.pivot);
    group.mean = group.sorted.front();
  } else {
    group.mean = group.pivot + group.sum / n;
  }
  if (!Counts(group)) return;
  group.factor = std::sqrt(n / (n - 1));
  if (relative_) group.factor /= std::abs(group.mean);
  for (double x : group.sorted) residuals_.Insert(group.Residual(x));
}

void NoisePool::Leave(const Group& group) {
  if (!Counts(group)) return;
  for (double x : group.sorted) residuals_.Erase(group.Residual(x));
}

void NoisePool::Insert(GroupId id, double sample) {
  Group& group = groups_[id];
  Leave(group);
  if (group.sorted.empty()) group.pivot = sample;
  group.sum += sample - group.pivot;
  InsertSorted(group.sorted, sample);
  Enter(group);
}

void NoisePool::Erase(GroupId id, double sample) {
  Group& group = groups_.at(id);
  Leave(group);
  group.sum -= sample - group.pivot;
  EraseSorted(group.sorted, sample);
  Enter(group);
}

void NoisePool::SetRelative(bool relative) {
  if (relative == relative_) return;
  relative_ = relative;
  residuals_ = OrderedBag();
  for (auto& [id, group] : groups_) Enter(group);
}

double NoisePool::Sigma() const {
  const std::size_t count = residuals_.size();
  if (count == 0) return 0;
  if (!sigma_) {
    const double below = residuals_.At((count - 1) / 2);
    const double above = residuals_.At(count / 2);
    sigma_ = kMadToSigma * (below + above) / 2;
  }
  return *sigma_;
}

}  // namespace coppice::search
