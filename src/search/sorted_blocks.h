#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace coppice::search {

// A set in order that also knows the place of each member. Members lie side by
// side in blocks of at most kMost, as in the leaves of a B-tree, under one row
// of the blocks' greatest members and a Fenwick tree of their sizes (Fenwick, A
// new data structure for cumulative frequency tables, 1994): with 10^5 members
// a search reads a few lines of cache, where a tree of nodes reads one a level.
// A small set is one block and nothing else.
//
// O(log n), and a move of at most kMost members, for a change; one in kMost / 2
// moves the row too. Iterators die with any change. T is small and is copied.
template <class T>
class SortedBlocks {
 public:
  static constexpr std::size_t kMost = 128;

  class Iterator {
   public:
    using iterator_category = std::bidirectional_iterator_tag;
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using pointer = const T*;
    using reference = const T&;

    Iterator() = default;
    reference operator*() const { return (*in_)[at_]; }
    pointer operator->() const { return &**this; }
    Iterator& operator++() {
      if (++at_ == in_->size()) Enter(block_ + 1, 0);
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      ++*this;
      return before;
    }
    Iterator& operator--() {
      if (at_ == 0) {
        Enter(block_ - 1, 0);
        at_ = in_->size();
      }
      --at_;
      return *this;
    }
    Iterator operator--(int) {
      Iterator before = *this;
      --*this;
      return before;
    }
    friend bool operator==(const Iterator& a, const Iterator& b) {
      return a.block_ == b.block_ && a.at_ == b.at_;
    }

   private:
    friend class SortedBlocks;
    Iterator(const SortedBlocks* set, std::size_t block, std::size_t at)
        : set_(set) {
      Enter(block, at);
    }
    void Enter(std::size_t block, std::size_t at) {
      block_ = block;
      at_ = at;
      in_ = block < set_->blocks() ? &set_->block(block) : nullptr;
    }
    const SortedBlocks* set_ = nullptr;
    const std::vector<T>* in_ = nullptr;  // at the end: none
    std::size_t block_ = 0;
    std::size_t at_ = 0;
  };

  bool empty() const { return only_.empty() && !rows_; }
  std::size_t size() const { return rows_ ? rows_->size : only_.size(); }
  const T& front() const { return block(0).front(); }           // size() > 0
  const T& back() const { return block(blocks() - 1).back(); }  // size() > 0
  Iterator begin() const { return {this, 0, 0}; }
  Iterator end() const { return {this, blocks(), 0}; }
  std::reverse_iterator<Iterator> rbegin() const {
    return std::reverse_iterator(end());
  }
  std::reverse_iterator<Iterator> rend() const {
    return std::reverse_iterator(begin());
  }

  // All members when they are few, else nothing.
  std::span<const T> Few() const { return only_; }

  // The first that is not less.
  Iterator LowerBound(const T& key) const {
    const std::size_t own = BlockOf(key);
    if (own == blocks()) return end();
    const std::size_t place = PlaceIn(block(own), key);
    return place < block(own).size() ? Iterator{this, own, place} : end();
  }
  // How many stand before.
  std::size_t Rank(const Iterator& at) const {
    return rows_ ? rows_->Before(at.block_) + at.at_
                 : (at.block_ == 0 ? at.at_ : only_.size());
  }
  std::size_t CountBelow(const T& key) const { return Rank(LowerBound(key)); }
  // The member of that rank, below size().
  const T& At(std::size_t rank) const;

  // Nothing happens to one that is there.
  void Insert(const T& member);
  // Or to one that is not.
  void Erase(const T& member);

 private:
  using Block = std::vector<T>;
  struct Rows {
    std::vector<Block> blocks;  // none is empty
    std::vector<T> lasts;       // greatest member of each
    // Fenwick: at b the sum of the sizes of blocks b & (b + 1) to b.
    std::vector<std::uint32_t> sums;
    std::size_t size = 0;

    // Members in the blocks before that one.
    std::size_t Before(std::size_t at) const {
      std::size_t sum = 0;
      for (; at > 0; at &= at - 1) sum += sums[at - 1];
      return sum;
    }
    void Count(std::size_t at, std::uint32_t change) {
      for (; at < sums.size(); at |= at + 1) sums[at] += change;
    }
    void CountAll();
    void Split(std::size_t at);
    void Remove(std::size_t at);
    // With a neighbour, when both are small.
    void Join(std::size_t at);
  };

  static std::size_t PlaceIn(const Block& block, const T& key) {
    return static_cast<std::size_t>(
        std::lower_bound(block.begin(), block.end(), key) - block.begin());
  }
  std::size_t blocks() const {
    return rows_ ? rows_->blocks.size() : (only_.empty() ? 0 : 1);
  }
  const Block& block(std::size_t at) const {
    return rows_ ? rows_->blocks[at] : only_;
  }
  // The first block whose greatest member is not less; the number of blocks:
  // none. The only one of a small set, whatever its greatest.
  std::size_t BlockOf(const T& key) const {
    return rows_ ? PlaceIn(rows_->lasts, key) : 0;
  }

  Block only_;  // of a small set
  std::unique_ptr<Rows> rows_;
};

template <class T>
const T& SortedBlocks<T>::At(std::size_t rank) const {
  if (!rows_) return only_[rank];
  const std::vector<std::uint32_t>& sums = rows_->sums;
  std::size_t at = 0;  // as many as lie wholly before
  for (std::size_t step = std::bit_floor(sums.size()); step > 0; step /= 2) {
    const std::size_t to = at + step;
    if (to > sums.size() || sums[to - 1] > rank) continue;
    rank -= sums[to - 1];
    at = to;
  }
  return rows_->blocks[at][rank];
}

template <class T>
void SortedBlocks<T>::Insert(const T& member) {
  const std::size_t at =
      rows_ ? std::min(BlockOf(member), rows_->blocks.size() - 1) : 0;
  Block& own = rows_ ? rows_->blocks[at] : only_;
  const std::size_t place = PlaceIn(own, member);
  if (place < own.size() && !(member < own[place])) return;
  own.insert(own.begin() + static_cast<std::ptrdiff_t>(place), member);
  if (rows_) {
    ++rows_->size;
    rows_->lasts[at] = own.back();
    rows_->Count(at, 1);
    if (own.size() > kMost) rows_->Split(at);
  } else if (own.size() > kMost) {
    rows_ = std::make_unique<Rows>();
    rows_->size = only_.size();
    rows_->lasts.push_back(only_.back());
    rows_->blocks.push_back(std::move(only_));
    rows_->Split(0);
    only_ = {};
  }
}

template <class T>
void SortedBlocks<T>::Erase(const T& member) {
  const std::size_t at = BlockOf(member);
  if (at == blocks()) return;
  Block& own = rows_ ? rows_->blocks[at] : only_;
  const std::size_t place = PlaceIn(own, member);
  if (place == own.size() || member < own[place]) return;
  own.erase(own.begin() + static_cast<std::ptrdiff_t>(place));
  if (!rows_) return;
  --rows_->size;
  if (own.empty()) {
    rows_->Remove(at);
  } else {
    rows_->lasts[at] = own.back();
    rows_->Count(at, ~std::uint32_t{0});
    if (own.size() < kMost / 4) rows_->Join(at);
  }
  if (rows_->blocks.size() > 1) return;
  only_ = std::move(rows_->blocks.front());
  rows_.reset();
}

template <class T>
void SortedBlocks<T>::Rows::CountAll() {
  sums.assign(blocks.size(), 0);
  for (std::size_t at = 0; at < blocks.size(); ++at) {
    sums[at] += static_cast<std::uint32_t>(blocks[at].size());
    const std::size_t above = at | (at + 1);
    if (above < sums.size()) sums[above] += sums[at];
  }
}

template <class T>
void SortedBlocks<T>::Rows::Split(std::size_t at) {
  const auto place = static_cast<std::ptrdiff_t>(at);
  Block& own = blocks[at];
  const auto half = own.begin() + kMost / 2;
  Block upper(half, own.end());
  own.erase(half, own.end());
  lasts.insert(lasts.begin() + place, own.back());
  blocks.insert(blocks.begin() + place + 1, std::move(upper));
  CountAll();
}

template <class T>
void SortedBlocks<T>::Rows::Remove(std::size_t at) {
  const auto place = static_cast<std::ptrdiff_t>(at);
  blocks.erase(blocks.begin() + place);
  lasts.erase(lasts.begin() + place);
  CountAll();
}

template <class T>
void SortedBlocks<T>::Rows::Join(std::size_t at) {
  if (at + 1 == blocks.size() && at > 0) --at;
  if (at + 1 == blocks.size()) return;
  Block& own = blocks[at];
  const Block& next = blocks[at + 1];
  if (own.size() + next.size() > kMost / 2) return;
  own.insert(own.end(), next.begin(), next.end());
  lasts[at] = own.back();
  Remove(at + 1);
}

}  // namespace coppice::search
