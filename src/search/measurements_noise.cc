#include "search/measurements_noise.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

// σ is 1.4826 times the median of all residuals |x - mean(group)|·√(n/(n-1)).
// A new sample moves the mean of its group and so every residual of it. Groups
// of a few samples, which most are, put their residuals into one ordered bag.
// The group of a long-lived best grows with every contender; its samples stay
// sorted where they are and are ranked by bisection, since residuals fall
// below the mean and rise above it. The median over both is found by bisection
// over the bits of a double, which order as the numbers do.

namespace coppice::search {
namespace {

constexpr std::size_t kBlock = 512;
constexpr std::size_t kSmallGroup = 32;
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

std::size_t OrderedBag::CountAtMost(double x) const {
  std::size_t count = 0;
  for (const std::vector<double>& block : blocks_) {
    if (block.back() > x) {
      auto end = std::ranges::upper_bound(block, x);
      return count + static_cast<std::size_t>(end - block.begin());
    }
    count += block.size();
  }
  return count;
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

std::size_t NoisePool::Group::CountAtMost(double residual) const {
  auto far = [&](double x) { return Residual(x) > residual; };
  auto near = [&](double x) { return Residual(x) <= residual; };
  auto middle = std::ranges::lower_bound(sorted, mean);
  auto first = std::partition_point(sorted.begin(), middle, far);
  auto last = std::partition_point(middle, sorted.end(), near);
  return static_cast<std::size_t>(last - first);
}

// A mean of 0 has no relative residuals.
bool NoisePool::Counts(const Group& group) const {
  return group.sorted.size() >= kSmallestGroup &&
         !(relative_ && group.mean == 0);
}

void NoisePool::Enter(GroupId id, Group& group) {
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
  count_ += group.sorted.size();
  if (group.sorted.size() > kSmallGroup) {
    large_.emplace(id, &group);
  } else {
    for (double x : group.sorted) residuals_.Insert(group.Residual(x));
  }
}

void NoisePool::Leave(GroupId id, const Group& group) {
  if (!Counts(group)) return;
  count_ -= group.sorted.size();
  if (large_.erase(id) == 0) {
    for (double x : group.sorted) residuals_.Erase(group.Residual(x));
  }
}

void NoisePool::Insert(GroupId id, double sample) {
  Group& group = groups_[id];
  Leave(id, group);
  if (group.sorted.empty()) group.pivot = sample;
  group.sum += sample - group.pivot;
  InsertSorted(group.sorted, sample);
  Enter(id, group);
}

void NoisePool::Erase(GroupId id, double sample) {
  Group& group = groups_.at(id);
  Leave(id, group);
  group.sum -= sample - group.pivot;
  EraseSorted(group.sorted, sample);
  Enter(id, group);
}

void NoisePool::SetRelative(bool relative) {
  if (relative == relative_) return;
  relative_ = relative;
  residuals_ = OrderedBag();
  large_.clear();
  count_ = 0;
  for (auto& [id, group] : groups_) Enter(id, group);
}

std::size_t NoisePool::CountAtMost(double residual) const {
  std::size_t count = residuals_.CountAtMost(residual);
  for (const auto& [id, group] : large_) count += group->CountAtMost(residual);
  return count;
}

double NoisePool::Kth(std::size_t rank) const {
  if (large_.empty()) return residuals_.At(rank);
  std::uint64_t low = 0;
  auto high =
      std::bit_cast<std::uint64_t>(std::numeric_limits<double>::infinity());
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    if (CountAtMost(std::bit_cast<double>(middle)) > rank) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return std::bit_cast<double>(low);
}

double NoisePool::Sigma() const {
  if (count_ == 0) return 0;
  if (!sigma_) {
    const double below = Kth((count_ - 1) / 2);
    const double above = count_ % 2 == 1 ? below : Kth(count_ / 2);
    sigma_ = kMadToSigma * (below + above) / 2;
  }
  return *sigma_;
}

}  // namespace coppice::search
