#pragma once

#include <cstddef>
#include <iterator>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "search/block_row.h"

namespace coppice::search {

// A set in order that also knows the place of each member. Members lie side by
// side in blocks of at most 128, as in the leaves of a B-tree, under one row
// of the blocks' greatest members and a Fenwick tree of their sizes (Fenwick, A
// new data structure for cumulative frequency tables, 1994): with 10^5 members
// a search reads a few lines of cache, where a tree of nodes reads one a level.
// A small set is one block and nothing else.
//
// O(log n), and a move of at most one block, for a change; one in 64 moves the
// row too. Iterators die with any change. T is small and is copied.
template <class T>
class SortedBlocks {
 public:
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
  std::size_t size() const { return rows_ ? rows_->size() : only_.size(); }
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
    const std::size_t own = rows_ ? rows_->BlockOf(key) : 0;
    if (own == blocks()) return end();
    const std::size_t place = PlaceInOrder(block(own), key);
    return place < block(own).size() ? Iterator{this, own, place} : end();
  }
  // How many stand before.
  std::size_t Rank(const Iterator& at) const {
    if (rows_) return rows_->Before(at.block_) + at.at_;
    return at.block_ == 0 ? at.at_ : only_.size();
  }
  std::size_t CountBelow(const T& key) const { return Rank(LowerBound(key)); }
  // The member of that rank, below size().
  const T& At(std::size_t rank) const {
    return rows_ ? rows_->At(rank) : only_[rank];
  }

  // Nothing happens to one that is there.
  void Insert(const T& member);
  // Or to one that is not.
  void Erase(const T& member);

 private:
  using Block = std::vector<T>;

  std::size_t blocks() const {
    return rows_ ? rows_->blocks().size() : (only_.empty() ? 0 : 1);
  }
  const Block& block(std::size_t at) const {
    return rows_ ? rows_->blocks()[at] : only_;
  }

  Block only_;  // of a small set
  std::unique_ptr<BlockRow<T>> rows_;
};

template <class T>
void SortedBlocks<T>::Insert(const T& member) {
  if (rows_) return rows_->Insert(member);
  const std::size_t place = PlaceInOrder(only_, member);
  if (place < only_.size() && !(member < only_[place])) return;
  only_.insert(only_.begin() + static_cast<std::ptrdiff_t>(place), member);
  if (only_.size() <= BlockRow<T>::kMost) return;
  rows_ = std::make_unique<BlockRow<T>>(std::exchange(only_, Block()));
}

template <class T>
void SortedBlocks<T>::Erase(const T& member) {
  if (rows_) {
    rows_->Erase(member);
    if (rows_->blocks().size() > 1) return;
    only_ = rows_->TakeOnly();
    rows_.reset();
    return;
  }
  const std::size_t place = PlaceInOrder(only_, member);
  if (place == only_.size() || member < only_[place]) return;
  only_.erase(only_.begin() + static_cast<std::ptrdiff_t>(place));
}

}  // namespace coppice::search
