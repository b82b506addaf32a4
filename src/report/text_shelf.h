#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

#include "report/node_record.h"

namespace coppice::report {

// Many long texts that repeat each other, kept once. A text is cut into pieces
// at lines that its content chooses, so that what two texts share falls into
// equal pieces wherever it stands (as in rsync and LBFS, with lines for bytes);
// it is then a list of numbers of pieces.
class TextShelf {
 public:
  // Takes pieces up to `bytes` in all, in the size they have in JSON.
  explicit TextShelf(std::size_t bytes) : left_(bytes) {}

  // The pieces of `text`; null where less than `spare` bytes would be left
  // beside it, and then nothing of it is kept.
  OrderedJson Add(std::string_view text, std::size_t spare = 0);

  std::size_t left() const { return left_; }
  // All pieces, in the order of their numbers.
  OrderedJson Pieces() const;

 private:
  std::size_t left_;
  std::deque<std::string> pieces_;  // does not move what it holds
  std::unordered_map<std::string_view, std::size_t> numbers_;  // of pieces_
};

}  // namespace coppice::report
