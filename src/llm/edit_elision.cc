#include "llm/edit_elision.h"

#include <algorithm>
#include <array>
#include <unordered_set>

#include "base/line_diff.h"
#include "base/text.h"

namespace coppice::llm {
namespace {

bool IsWord(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         (c & 0x80) != 0;
}

// In any of the usual languages; "..." is how some write "the rest".
bool IsComment(std::string_view line) {
  static constexpr std::array<std::string_view, 13> kBegins = {
      "//", "/*", "* ",  "*/",  "-- ", "<!--",        ";",
      "%",  "{-", "(* ", "{/*", "...", "\xe2\x80\xa6"};
  line = Trim(line);
  if (line.starts_with('#')) {  // no directive, no attribute
    return line.size() == 1 || line[1] == '#' || line[1] == ' ' ||
           line[1] == '.' || line[1] == '\t';
  }
  return std::any_of(
      kBegins.begin(), kBegins.end(),
      [line](std::string_view begin) { return line.starts_with(begin); });
}

// What opens a definition in most languages: a line that is not indented,
// begins with a word, and is no single statement.
bool OpensDefinition(std::string_view line) {
  if (line.empty() || (!IsWord(line.front()) && line.front() != '@')) {
    return false;
  }
  line = Folded(line, Fold::kTrailing);
  return line.ends_with('{') || line.ends_with(':') || line.ends_with(')') ||
         line.ends_with(',') || line.ends_with('(') || line.ends_with('=');
}

}  // namespace

Elision FindElision(const LineTable& before, std::string_view after) {
  constexpr std::size_t kPercent = 30;
  constexpr std::size_t kLostToNew = 3;  // of a gap, at least
  std::vector<std::string_view> old_lines, new_lines;
  for (std::size_t i = 0; i < before.size(); ++i) {
    old_lines.push_back(Folded(before.Line(i), Fold::kTrailing));
  }
  for (std::string_view line : SplitLines(after)) {
    new_lines.push_back(Folded(line, Fold::kTrailing));
  }
  const std::unordered_set<std::string_view> kept(new_lines.begin(),
                                                  new_lines.end());
  Elision elision;
  for (const LineChange& change : DiffLines(old_lines, new_lines)) {
    const std::size_t removed = change.old_end - change.old_begin;
    const std::size_t added = change.new_end - change.new_begin;
    const bool comment = std::any_of(
        new_lines.begin() + static_cast<std::ptrdiff_t>(change.new_begin),
        new_lines.begin() + static_cast<std::ptrdiff_t>(change.new_end),
        [](std::string_view line) { return IsComment(line); });
    if (!comment || removed < kLostToNew * added) continue;
    elision.lost += removed - added;
    elision.gaps.push_back({change.old_begin, change.old_end});
  }
  if (elision.lost * 100 <= before.size() * kPercent) return {};
  for (const LineRange& gap : elision.gaps) {
    for (std::size_t i = gap.begin; i < gap.end; ++i) {
      if (OpensDefinition(old_lines[i]) && !kept.contains(old_lines[i])) {
        elision.missing.push_back(i);
      }
    }
  }
  return elision;
}

}  // namespace coppice::llm
