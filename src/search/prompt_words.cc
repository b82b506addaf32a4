#include "search/prompt_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "base/text.h"
#include "base/utf8.h"

namespace coppice::search {
namespace {

// In files, which are shown as they are; nobody means a longer one.
constexpr std::size_t kLongestRunInFile = 1000;

bool IsPlain(unsigned char c) {
  return (c >= 0x20 && c < 0x7f) || c == '\n' || c == '\t';
}

std::size_t LongestRun(std::string_view text) {
  std::size_t longest = 0;
  for (std::size_t at = text.find('`'); at != std::string_view::npos;) {
    const std::size_t end =
        std::min(text.find_first_not_of('`', at), text.size());
    longest = std::max(longest, end - at);
    at = text.find('`', end);
  }
  return longest;
}

std::string CutRuns(std::string_view text, std::size_t longest) {
  std::string out;
  out.reserve(text.size());
  std::size_t run = 0;
  for (char c : text) {
    run = c == '`' ? run + 1 : 0;
    if (run <= longest) out += c;
  }
  return out;
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool IsWordChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || IsDigit(c) ||
         static_cast<unsigned char>(c) >= 0x80;
}

}  // namespace

std::string FileText(std::string_view raw) {
  std::string out;
  out.reserve(raw.size());
  for (std::size_t at = 0; at < raw.size();) {
    std::size_t end = at;
    while (end < raw.size() && IsPlain(static_cast<unsigned char>(raw[end]))) {
      ++end;
    }
    out += raw.substr(at, end - at);
    at = end;
    if (at == raw.size()) break;
    const char32_t c = DecodeUtf8(raw, at).value_or(kReplacementCharacter);
    if (c >= 0xa0) AppendUtf8(c, out);
  }
  if (LongestRun(out) > kLongestRunInFile) {
    return CutRuns(out, kLongestRunInFile);
  }
  return out;
}

std::string Fenced(std::string_view text, std::string_view label) {
  const std::string fence(std::max<std::size_t>(3, LongestRun(text) + 1), '`');
  const std::string_view newline =
      text.empty() || text.ends_with('\n') ? "" : "\n";
  return fmt::format("{}{}\n{}{}{}\n", fence, label, text, newline, fence);
}

std::string DataSection(std::string_view title, std::string_view text,
                        std::size_t cap, std::string_view label) {
  const std::string clean = CutRuns(FileText(text), kLongestRun);
  constexpr std::size_t kMarks = 7;  // "# " and newlines
  const std::size_t fences =
      2 * std::max<std::size_t>(3, LongestRun(clean) + 1);
  const std::size_t frame = title.size() + label.size() + fences + kMarks;
  const std::size_t room = cap - std::min(cap, frame);
  return fmt::format("# {}\n{}", title,
                     Fenced(HeadAndTail(clean, room), label));
}

std::string LastThatFit(const std::vector<std::string>& entries,
                        std::size_t room) {
  constexpr std::size_t kNoteRoom = 40;
  std::size_t size = 0;
  for (const std::string& entry : entries) size += entry.size();
  std::size_t first = 0;
  if (size > room) room -= std::min(room, kNoteRoom);
  while (first < entries.size() && size > room) size -= entries[first++].size();
  std::string text;
  if (first > 0) text = fmt::format("({} earlier ones left out)\n", first);
  for (; first < entries.size(); ++first) text += entries[first];
  return text;
}

std::string Listed(const std::vector<std::string>& items, std::size_t room) {
  constexpr std::size_t kNoteRoom = 20;
  constexpr std::size_t kLongest = 200;
  std::string text;
  std::size_t shown = 0;
  for (const std::string& item : items) {
    std::string next = OneLine(item, kLongest);
    if (shown > 0 && text.size() + next.size() + kNoteRoom > room) break;
    if (shown++ > 0) text += ", ";
    text += next;
  }
  if (shown < items.size()) {
    text += fmt::format(" and {} more", items.size() - shown);
  }
  return text;
}

std::vector<std::string> TitleWords(std::string_view title) {
  static constexpr std::array<std::string_view, 22> kCommon = {
      "a",    "an",  "and",   "at",  "by",   "for",    "from", "in",
      "into", "it",  "its",   "of",  "on",   "one",    "or",   "the",
      "to",   "use", "using", "via", "with", "instead"};
  std::vector<std::string> words;
  for (std::size_t at = 0; at < title.size();) {
    if (!IsWordChar(title[at])) {
      ++at;
      continue;
    }
    std::string word;
    for (; at < title.size() && IsWordChar(title[at]); ++at) {
      const char c = title[at];
      word += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    if (std::ranges::count(kCommon, word) == 0) words.push_back(word);
  }
  std::ranges::sort(words);
  const auto repeated = std::ranges::unique(words);
  words.erase(repeated.begin(), repeated.end());
  return words;
}

// "block of 64" and "block of 128" are two ideas.
bool MuchAlike(const std::vector<std::string>& a,
               const std::vector<std::string>& b) {
  std::vector<std::string> either, differ;
  std::ranges::set_union(a, b, std::back_inserter(either));
  std::ranges::set_symmetric_difference(a, b, std::back_inserter(differ));
  const bool other_number = std::ranges::any_of(
      differ, [](const std::string& word) { return IsDigit(word.front()); });
  return !other_number && !either.empty() &&
         5 * differ.size() <= 2 * either.size();
}

}  // namespace coppice::search
