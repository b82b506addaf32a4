#include "llm/edit_lines.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

// Lines become numbers, so that comparing two is comparing integers, and Find
// is the search of Knuth, Morris and Pratt over them: no text makes it slow.

namespace coppice::llm {
namespace {

// failure[i]: the longest proper prefix of `wanted` that ends at i.
std::vector<std::size_t> Failures(const std::vector<int>& wanted) {
  std::vector<std::size_t> failure(wanted.size());
  std::size_t length = 0;
  for (std::size_t i = 1; i < wanted.size(); ++i) {
    while (length > 0 && wanted[i] != wanted[length]) {
      length = failure[length - 1];
    }
    if (wanted[i] == wanted[length]) ++length;
    failure[i] = length;
  }
  return failure;
}

}  // namespace

struct LineTable::Index {
  std::unordered_map<std::string_view, int> known;
  std::vector<int> numbers;
  // The places of number n: places[begins[n]] up to places[begins[n + 1]].
  std::vector<std::size_t> begins;
  std::vector<std::size_t> places;
};

std::string_view Folded(std::string_view line, Fold fold) {
  constexpr std::string_view kBlanks = " \t\r";
  switch (fold) {
    case Fold::kExact:
      return line;
    case Fold::kReturns:
      if (line.ends_with('\r')) line.remove_suffix(1);
      return line;
    case Fold::kBlanks:
      line.remove_prefix(
          std::min(line.find_first_not_of(kBlanks), line.size()));
      [[fallthrough]];
    case Fold::kTrailing:
      return line.substr(0, line.find_last_not_of(kBlanks) + 1);
  }
  return line;
}

std::string ToString(const LineRange& range) {
  return range.size() <= 1
             ? fmt::format("line {}", range.begin + 1)
             : fmt::format("lines {}-{}", range.begin + 1, range.end);
}

LineTable::LineTable(std::string_view text) : text_(text) {
  for (std::size_t at = 0; at < text.size();) {
    begins_.push_back(at);
    at = std::min(text.find('\n', at), text.size()) + 1;
  }
}

LineTable::~LineTable() = default;

std::size_t LineTable::Offset(std::size_t line) const {
  return line < begins_.size() ? begins_[line] : text_.size();
}

std::string_view LineTable::WithEnd(std::size_t i) const {
  return text_.substr(Offset(i), Offset(i + 1) - Offset(i));
}

std::string_view LineTable::Line(std::size_t i) const {
  std::string_view line = WithEnd(i);
  if (line.ends_with('\n')) line.remove_suffix(1);
  return line;
}

std::string_view LineTable::Text(const LineRange& range) const {
  return text_.substr(Offset(range.begin),
                      Offset(range.end) - Offset(range.begin));
}

const LineTable::Index& LineTable::IndexOf(Fold fold) const {
  std::unique_ptr<Index>& slot = indices_[static_cast<std::size_t>(fold)];
  if (slot) return *slot;
  auto index = std::make_unique<Index>();
  index->known.reserve(size());
  index->numbers.reserve(size());
  for (std::size_t i = 0; i < size(); ++i) {
    const auto [known, fresh] = index->known.try_emplace(
        Folded(Line(i), fold), static_cast<int>(index->known.size()));
    index->numbers.push_back(known->second);
  }
  index->begins.resize(index->known.size() + 1);
  for (int number : index->numbers) {
    ++index->begins[static_cast<std::size_t>(number) + 1];
  }
  for (std::size_t n = 1; n < index->begins.size(); ++n) {
    index->begins[n] += index->begins[n - 1];
  }
  index->places.resize(size());
  std::vector<std::size_t> next = index->begins;
  for (std::size_t i = 0; i < size(); ++i) {
    index->places[next[static_cast<std::size_t>(index->numbers[i])]++] = i;
  }
  slot = std::move(index);
  return *slot;
}

int LineTable::NumberOf(std::string_view line, Fold fold) const {
  const Index& index = IndexOf(fold);
  const auto found = index.known.find(Folded(line, fold));
  return found == index.known.end() ? -1 : found->second;
}

std::span<const int> LineTable::Numbers(Fold fold) const {
  return IndexOf(fold).numbers;
}

std::span<const std::size_t> LineTable::Places(int number, Fold fold) const {
  const Index& index = IndexOf(fold);
  const auto n = static_cast<std::size_t>(number);
  return std::span(index.places)
      .subspan(index.begins[n], index.begins[n + 1] - index.begins[n]);
}

std::vector<std::size_t> LineTable::Find(
    std::span<const std::string_view> wanted, Fold fold) const {
  if (wanted.empty() || wanted.size() > size()) return {};
  std::vector<int> numbers;
  numbers.reserve(wanted.size());
  for (std::string_view line : wanted) {
    numbers.push_back(NumberOf(line, fold));
    if (numbers.back() < 0) return {};
  }
  const std::vector<std::size_t> failure = Failures(numbers);
  const std::span<const int> lines = Numbers(fold);
  std::vector<std::size_t> found;
  std::size_t matched = 0;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    while (matched > 0 &&
           (matched == numbers.size() || lines[i] != numbers[matched])) {
      matched = failure[matched - 1];
    }
    if (lines[i] == numbers[matched]) ++matched;
    if (matched == numbers.size()) found.push_back(i + 1 - matched);
  }
  return found;
}

}  // namespace coppice::llm
