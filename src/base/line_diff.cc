#include "base/line_diff.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <unordered_map>
#include <utility>

// Myers' O(ND) difference in linear space (Algorithmica 1986): from both
// corners of the edit graph the furthest points reachable with d changes are
// pushed along each diagonal x - y until the two fronts meet; the meeting
// point splits the problem in two, each solved the same way. Lines become
// numbers first, so that comparing two is comparing integers.

namespace coppice {
namespace {

// Changes from either corner before a part is replaced as a whole; bounds the
// time at some 10^7 steps.
constexpr int kMostChanges = 2000;

struct Point {
  int x, y;
};

// The furthest x reached on each diagonal of one front.
class Front {
 public:
  Front(int lines_before, int lines_after, int outside)
      : shift_(lines_after + 1),
        outside_(outside),
        furthest_(static_cast<std::size_t>(lines_before + lines_after + 3)) {}

  void Start(int diagonal, int x) {
    low_ = high_ = diagonal;
    At(diagonal) = x;
  }
  // One more change: a diagonal more on either side, or, at the rim of the
  // graph, one less, which keeps the parity.
  void Widen(int lowest, int highest) {
    if (low_ > lowest) {
      At(--low_ - 1) = outside_;
    } else {
      ++low_;
    }
    if (high_ < highest) {
      At(++high_ + 1) = outside_;
    } else {
      --high_;
    }
  }
  int& At(int diagonal) {
    return furthest_[static_cast<std::size_t>(diagonal + shift_)];
  }
  bool Spans(int diagonal) const {
    return low_ <= diagonal && diagonal <= high_;
  }
  int low() const { return low_; }
  int high() const { return high_; }

 private:
  int shift_;
  int outside_;
  int low_ = 0, high_ = 0;
  std::vector<int> furthest_;
};

class Myers {
 public:
  Myers(std::vector<int> before, std::vector<int> after)
      : a_(std::move(before)),
        b_(std::move(after)),
        forward_(Size(a_), Size(b_), -1),
        backward_(Size(a_), Size(b_), std::numeric_limits<int>::max()),
        removed_(a_.size()),
        added_(b_.size()) {
    Compare(0, Size(a_), 0, Size(b_));
  }

  bool removed(std::size_t line) const { return removed_[line]; }
  bool added(std::size_t line) const { return added_[line]; }

 private:
  static int Size(const std::vector<int>& lines) {
    return static_cast<int>(lines.size());
  }

  void Compare(int a0, int a1, int b0, int b1) {
    while (a0 < a1 && b0 < b1 && Equal(a0, b0)) ++a0, ++b0;
    while (a0 < a1 && b0 < b1 && Equal(a1 - 1, b1 - 1)) --a1, --b1;
    std::optional<Point> meeting;
    if (a0 < a1 && b0 < b1) meeting = Meet(a0, a1, b0, b1);
    if (!meeting) {
      std::fill(removed_.begin() + a0, removed_.begin() + a1, true);
      std::fill(added_.begin() + b0, added_.begin() + b1, true);
      return;
    }
    Compare(a0, meeting->x, b0, meeting->y);
    Compare(meeting->x, a1, meeting->y, b1);
  }

  // Where the fronts from (a0, b0) and (a1, b1) meet; nothing when that takes
  // too many changes.
  std::optional<Point> Meet(int a0, int a1, int b0, int b1) {
    const int lowest = a0 - b1, highest = a1 - b0;
    const bool odd = ((a0 - b0 - a1 + b1) & 1) != 0;
    forward_.Start(a0 - b0, a0);
    backward_.Start(a1 - b1, a1);
    for (int changes = 0; changes < kMostChanges; ++changes) {
      forward_.Widen(lowest, highest);
      for (int k = forward_.high(); k >= forward_.low(); k -= 2) {
        int x = std::max(forward_.At(k - 1) + 1, forward_.At(k + 1));
        while (x < a1 && x - k < b1 && Equal(x, x - k)) ++x;
        forward_.At(k) = x;
        if (odd && backward_.Spans(k) && backward_.At(k) <= x)
          return Point{x, x - k};
      }
      backward_.Widen(lowest, highest);
      for (int k = backward_.high(); k >= backward_.low(); k -= 2) {
        int x = std::min(backward_.At(k - 1), backward_.At(k + 1) - 1);
        while (x > a0 && x - k > b0 && Equal(x - 1, x - k - 1)) --x;
        backward_.At(k) = x;
        if (!odd && forward_.Spans(k) && x <= forward_.At(k))
          return Point{x, x - k};
      }
    }
    return std::nullopt;
  }

  bool Equal(int x, int y) const {
    return a_[static_cast<std::size_t>(x)] == b_[static_cast<std::size_t>(y)];
  }

  std::vector<int> a_, b_;
  Front forward_, backward_;
  std::vector<bool> removed_, added_;
};

// Equal lines, equal numbers.
class LineNumbers {
 public:
  std::vector<int> Of(std::span<const std::string_view> lines) {
    std::vector<int> numbers;
    numbers.reserve(lines.size());
    for (std::string_view line : lines) {
      numbers.push_back(
          known_.try_emplace(line, static_cast<int>(known_.size()))
              .first->second);
    }
    return numbers;
  }

 private:
  std::unordered_map<std::string_view, int> known_;
};

}  // namespace

std::vector<std::string_view> LinesWithEnds(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::size_t length =
        end == std::string_view::npos ? text.size() : end + 1;
    lines.push_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return lines;
}

std::vector<LineChange> DiffLines(std::span<const std::string_view> before,
                                  std::span<const std::string_view> after) {
  // Most changes are small: what both ends share is never numbered.
  const std::size_t shorter = std::min(before.size(), after.size());
  std::size_t head = 0, tail = 0;
  while (head < shorter && before[head] == after[head]) ++head;
  while (tail < shorter - head &&
         before[before.size() - 1 - tail] == after[after.size() - 1 - tail])
    ++tail;
  const auto old_part = before.subspan(head, before.size() - head - tail);
  const auto new_part = after.subspan(head, after.size() - head - tail);

  LineNumbers numbers;
  std::vector<int> a = numbers.Of(old_part), b = numbers.Of(new_part);
  const Myers diff(std::move(a), std::move(b));
  std::vector<LineChange> changes;
  std::size_t x = 0, y = 0;
  while (x < old_part.size() || y < new_part.size()) {
    const std::size_t x0 = x, y0 = y;
    while (x < old_part.size() && diff.removed(x)) ++x;
    while (y < new_part.size() && diff.added(y)) ++y;
    if (x == x0 && y == y0) {
      ++x, ++y;
    } else {
      changes.push_back({head + x0, head + x, head + y0, head + y});
    }
  }
  return changes;
}

}  // namespace coppice
