#include "llm/edit_similar.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

// Where could these lines stand? Every line that file and wanted text share
// votes for the offset between the two; lines that stand all over the file
// vote only where no other does. Around each of the offsets with most votes
// the longest common subsequence is computed within a band, so that the time
// is lines times band, whatever the text. A wide band follows lines that were
// put in or left out, and is led astray by lines that stand all over; so a
// narrow one and the bare diagonal compete with it.

namespace coppice::llm {
namespace {

using Lines = std::span<const std::string_view>;

constexpr std::size_t kMostLines = 4000;  // of the wanted text
constexpr std::size_t kMostPlaces = 64;   // of a line that votes
constexpr std::size_t kCandidates = 8;
constexpr int kWidestBand = 40;

// The wanted lines by the numbers of the table; -1: it stands nowhere.
std::vector<int> NumbersOf(Lines wanted, const LineTable& table) {
  std::vector<int> numbers;
  numbers.reserve(wanted.size());
  for (std::string_view line : wanted) {
    numbers.push_back(table.NumberOf(line, Fold::kBlanks));
  }
  return numbers;
}

using Votes = std::unordered_map<int, int>;  // by offset

Votes CountVotes(Lines wanted, const std::vector<int>& numbers,
                 const LineTable& table, bool rare_only) {
  Votes votes;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (numbers[i] < 0 || Folded(wanted[i], Fold::kBlanks).empty()) continue;
    std::span<const std::size_t> places =
        table.Places(numbers[i], Fold::kBlanks);
    if (places.size() > kMostPlaces) {
      if (rare_only) continue;
      places = places.first(kMostPlaces);
    }
    for (std::size_t place : places) {
      ++votes[static_cast<int>(place) - static_cast<int>(i)];
    }
  }
  return votes;
}

// The offsets with most votes, none within half a band of another.
std::vector<int> Candidates(const Votes& votes, int band) {
  std::vector<std::pair<int, int>> order;  // (-votes, offset)
  order.reserve(votes.size());
  for (const auto& [offset, count] : votes) order.emplace_back(-count, offset);
  std::sort(order.begin(), order.end());
  std::vector<int> chosen;
  for (const auto& [count, offset] : order) {
    const bool near = std::any_of(
        chosen.begin(), chosen.end(),
        [&, o = offset](int c) { return std::abs(c - o) <= band / 2; });
    if (!near) chosen.push_back(offset);
    if (chosen.size() == kCandidates) break;
  }
  return chosen;
}

// The longest common subsequence of wanted lines and the file's lines, those
// at most `band` away from the diagonal `offset`.
class Band {
 public:
  Band(const std::vector<int>& wanted, std::span<const int> file, int offset,
       int band)
      : wanted_(wanted),
        file_(file),
        offset_(offset),
        band_(band),
        width_(static_cast<std::size_t>(2 * band + 1)),
        steps_(wanted.size() * width_) {
    Fill();
    Trace();
  }

  int common() const { return common_; }
  // Of the first and the last common line: in the wanted text, in the file.
  std::pair<int, int> first() const { return first_; }
  std::pair<int, int> last() const { return last_; }

 private:
  enum class Step : std::uint8_t { kCommon, kNeither, kWanted, kFile };

  int FileLine(int i, int k) const { return i + offset_ - band_ + k; }
  bool Same(int i, int j) const {
    return j >= 0 && j < static_cast<int>(file_.size()) &&
           wanted_[static_cast<std::size_t>(i)] ==
               file_[static_cast<std::size_t>(j)];
  }
  Step& StepAt(int i, int k) {
    return steps_[static_cast<std::size_t>(i) * width_ +
                  static_cast<std::size_t>(k)];
  }

  // Cell k of row i is file line i + offset - band + k: the cell above is k + 1
  // of the row before, the diagonal one is k. Beyond the rim nothing is
  // common.
  void Fill() {
    std::vector<int> above(width_ + 1), row(width_ + 1);
    for (int i = 0; i < static_cast<int>(wanted_.size()); ++i) {
      for (int k = 0; k < static_cast<int>(width_); ++k) {
        const auto at = static_cast<std::size_t>(k);
        const int left = k > 0 ? row[at - 1] : 0;
        if (Same(i, FileLine(i, k))) {
          row[at] = above[at] + 1;
          StepAt(i, k) = Step::kCommon;
        } else if (above[at] >= std::max(above[at + 1], left)) {
          row[at] = above[at];
          StepAt(i, k) = Step::kNeither;
        } else if (above[at + 1] >= left) {
          row[at] = above[at + 1];
          StepAt(i, k) = Step::kWanted;
        } else {
          row[at] = left;
          StepAt(i, k) = Step::kFile;
        }
      }
      std::swap(above, row);
    }
    common_ = above[width_ - 1];
  }

  void Trace() {
    int i = static_cast<int>(wanted_.size()) - 1;
    int k = static_cast<int>(width_) - 1;
    while (i >= 0 && k >= 0 && k < static_cast<int>(width_)) {
      const Step step = StepAt(i, k);
      if (step == Step::kCommon) {
        first_ = {i, FileLine(i, k)};
        if (last_.first < 0) last_ = first_;
      }
      if (step == Step::kWanted) ++k;
      if (step == Step::kFile) {
        --k;
      } else {
        --i;
      }
    }
  }

  const std::vector<int>& wanted_;
  std::span<const int> file_;
  const int offset_, band_;
  const std::size_t width_;
  std::vector<Step> steps_;
  int common_ = 0;
  std::pair<int, int> first_{-1, -1}, last_{-1, -1};
};

// From the place of the first wanted line to that of the last.
SimilarRegion RegionOf(const Band& band, int wanted, int file) {
  const int begin = std::max(0, band.first().second - band.first().first);
  const int end =
      std::min(file, band.last().second + wanted - band.last().first);
  SimilarRegion region;
  region.lines = {static_cast<std::size_t>(begin),
                  static_cast<std::size_t>(end)};
  region.ratio = 2.0 * band.common() / (wanted + end - begin);
  return region;
}

std::size_t FirstDifference(Lines wanted, const LineTable& table,
                            const LineRange& lines) {
  for (std::size_t i = 0; i < wanted.size() && i < lines.size(); ++i) {
    const std::size_t at = lines.begin + i;
    if (Folded(table.Line(at), Fold::kReturns) != wanted[i]) return at;
  }
  return lines.begin + std::min(wanted.size(), lines.size() - 1);
}

using Pairs = std::array<int, 4096>;  // of letters, hashed

std::size_t Pair(std::string_view text, std::size_t i) {
  const auto a = static_cast<unsigned char>(text[i]);
  const auto b = static_cast<unsigned char>(text[i + 1]);
  return (a * 31U + b) % 4096U;
}

}  // namespace

std::optional<SimilarRegion> MostSimilar(Lines wanted, const LineTable& table) {
  wanted = wanted.first(std::min(wanted.size(), kMostLines));
  if (wanted.empty() || table.size() == 0) return std::nullopt;
  const std::vector<int> numbers = NumbersOf(wanted, table);
  Votes votes = CountVotes(wanted, numbers, table, true);
  if (votes.empty()) votes = CountVotes(wanted, numbers, table, false);
  const int count = static_cast<int>(wanted.size());
  const int width = std::clamp(count / 2 + 2, 4, kWidestBand);
  std::optional<SimilarRegion> best;
  for (int offset : Candidates(votes, width)) {
    for (int reach : {0, 2, width}) {
      const Band band(numbers, table.Numbers(Fold::kBlanks), offset, reach);
      if (band.common() == 0) continue;
      const SimilarRegion region =
          RegionOf(band, count, static_cast<int>(table.size()));
      if (region.ratio >= kSimilar && (!best || region.ratio > best->ratio)) {
        best = region;
      }
    }
  }
  if (best) best->differs = FirstDifference(wanted, table, best->lines);
  return best;
}

std::optional<SimilarLine> MostSimilarLine(Lines wanted,
                                           const LineTable& table) {
  constexpr std::size_t kLongest = 2000;
  std::string_view longest;
  for (std::string_view line : wanted) {
    line = Folded(line, Fold::kBlanks).substr(0, kLongest);
    if (line.size() > longest.size()) longest = line;
  }
  if (longest.size() < 4) return std::nullopt;
  Pairs pairs{};
  for (std::size_t i = 0; i + 1 < longest.size(); ++i)
    ++pairs[Pair(longest, i)];
  std::optional<SimilarLine> best;
  for (std::size_t at = 0; at < table.size(); ++at) {
    const std::string_view line =
        Folded(table.Line(at), Fold::kBlanks).substr(0, kLongest);
    if (line.size() < 2) continue;
    int common = 0;
    for (std::size_t i = 0; i + 1 < line.size(); ++i) {
      if (pairs[Pair(line, i)]-- > 0) ++common;
    }
    for (std::size_t i = 0; i + 1 < line.size(); ++i) ++pairs[Pair(line, i)];
    const double ratio =
        2.0 * common / static_cast<double>(line.size() + longest.size() - 2);
    if (ratio >= kSimilar && (!best || ratio > best->ratio)) {
      best = {.line = at, .ratio = ratio};
    }
  }
  return best;
}

}  // namespace coppice::llm
