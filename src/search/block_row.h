#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace coppice::search {

// The place of the first member of a sorted vector that is not less.
template <class T>
std::size_t PlaceInOrder(const std::vector<T>& members, const T& key) {
  return static_cast<std::size_t>(
      std::lower_bound(members.begin(), members.end(), key) - members.begin());
}

// The many members of SortedBlocks: blocks of them in order, the row of the
// blocks' greatest, and a Fenwick tree of their sizes.
template <class T>
class BlockRow {
 public:
  static constexpr std::size_t kMost = 128;
  using Block = std::vector<T>;

  // Of more than kMost members in order.
  explicit BlockRow(Block members) : size_(members.size()) {
    lasts_.push_back(members.back());
    blocks_.push_back(std::move(members));
    Split(0);
  }

  std::size_t size() const { return size_; }
  const std::vector<Block>& blocks() const { return blocks_; }
  // The only block that is left.
  Block TakeOnly() { return std::move(blocks_.front()); }

  // The first block whose greatest member is not less; blocks().size(): none.
  std::size_t BlockOf(const T& key) const { return PlaceInOrder(lasts_, key); }
  // Members in the blocks before that one.
  std::size_t Before(std::size_t at) const {
    std::size_t sum = 0;
    for (; at > 0; at &= at - 1) sum += sums_[at - 1];
    return sum;
  }
  const T& At(std::size_t rank) const {
    std::size_t at = 0;  // as many as lie wholly before
    for (std::size_t step = std::bit_floor(sums_.size()); step > 0; step /= 2) {
      const std::size_t to = at + step;
      if (to > sums_.size() || sums_[to - 1] > rank) continue;
      rank -= sums_[to - 1];
      at = to;
    }
    return blocks_[at][rank];
  }

  void Insert(const T& member) {
    const std::size_t at = std::min(BlockOf(member), blocks_.size() - 1);
    Block& own = blocks_[at];
    const std::size_t place = PlaceInOrder(own, member);
    if (place < own.size() && !(member < own[place])) return;
    own.insert(own.begin() + Offset(place), member);
    ++size_;
    lasts_[at] = own.back();
    Count(at, 1);
    if (own.size() > kMost) Split(at);
  }
  void Erase(const T& member) {
    const std::size_t at = BlockOf(member);
    if (at == blocks_.size()) return;
    Block& own = blocks_[at];
    const std::size_t place = PlaceInOrder(own, member);
    if (member < own[place]) return;
    own.erase(own.begin() + Offset(place));
    --size_;
    if (own.empty()) return Remove(at);
    lasts_[at] = own.back();
    Count(at, ~std::uint32_t{0});
    if (own.size() < kMost / 4) Join(at);
  }

 private:
  static std::ptrdiff_t Offset(std::size_t at) {
    return static_cast<std::ptrdiff_t>(at);
  }
  void Count(std::size_t at, std::uint32_t change) {
    for (; at < sums_.size(); at |= at + 1) sums_[at] += change;
  }
  void CountAll() {
    sums_.assign(blocks_.size(), 0);
    for (std::size_t at = 0; at < blocks_.size(); ++at) {
      sums_[at] += static_cast<std::uint32_t>(blocks_[at].size());
      const std::size_t above = at | (at + 1);
      if (above < sums_.size()) sums_[above] += sums_[at];
    }
  }
  void Split(std::size_t at) {
    Block& own = blocks_[at];
    const auto half = own.begin() + kMost / 2;
    Block upper(half, own.end());
    own.erase(half, own.end());
    lasts_.insert(lasts_.begin() + Offset(at), own.back());
    blocks_.insert(blocks_.begin() + Offset(at) + 1, std::move(upper));
    CountAll();
  }
  void Remove(std::size_t at) {
    blocks_.erase(blocks_.begin() + Offset(at));
    lasts_.erase(lasts_.begin() + Offset(at));
    CountAll();
  }
  // With a neighbour, when both are small.
  void Join(std::size_t at) {
    if (at + 1 == blocks_.size() && at > 0) --at;
    if (at + 1 == blocks_.size()) return;
    Block& own = blocks_[at];
    const Block& next = blocks_[at + 1];
    if (own.size() + next.size() > kMost / 2) return;
    own.insert(own.end(), next.begin(), next.end());
    lasts_[at] = own.back();
    Remove(at + 1);
  }

  std::vector<Block> blocks_;  // none is empty
  std::vector<T> lasts_;       // greatest member of each
  // At b the sum of the sizes of blocks b & (b + 1) to b.
  std::vector<std::uint32_t> sums_;
  std::size_t size_ = 0;
};

}  // namespace coppice::search
