#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace coppice::llm {

// What of a line counts when two are compared.
enum class Fold {
  kExact,
  kReturns,   // all but a '\r' at its end
  kTrailing,  // all but blanks at its end
  kBlanks     // all but blanks at either end
};
std::string_view Folded(std::string_view line, Fold fold);

// Lines [begin, end).
struct LineRange {
  std::size_t begin = 0;
  std::size_t end = 0;

  std::size_t size() const { return end - begin; }
  friend bool operator==(const LineRange&, const LineRange&) = default;
};

// "line 7", "lines 7-9": counted from 1.
std::string ToString(const LineRange& range);

// The lines of a text that outlives this, and where lines stand in it. One
// thread at a time: what a question needs is indexed when it is first asked.
class LineTable {
 public:
  explicit LineTable(std::string_view text);
  ~LineTable();

  std::string_view text() const { return text_; }
  std::size_t size() const { return begins_.size(); }
  std::string_view Line(std::size_t i) const;     // without '\n'
  std::string_view WithEnd(std::size_t i) const;  // with '\n', if it has one
  std::string_view Text(const LineRange& range) const;  // with ends
  std::size_t Offset(std::size_t line) const;

  // The number of the folded line, equal for equal ones; -1: it stands nowhere.
  int NumberOf(std::string_view line, Fold fold) const;
  // The number of each line, and the places of each number in order.
  std::span<const int> Numbers(Fold fold) const;
  std::span<const std::size_t> Places(int number, Fold fold) const;

  // Where all of `wanted` stands, first lines in order. Linear.
  std::vector<std::size_t> Find(std::span<const std::string_view> wanted,
                                Fold fold) const;

 private:
  struct Index;
  const Index& IndexOf(Fold fold) const;

  std::string_view text_;
  std::vector<std::size_t> begins_;
  mutable std::array<std::unique_ptr<Index>, 4> indices_;
};

}  // namespace coppice::llm
