#include "llm/edit_path.h"

#include <algorithm>

#include "base/text.h"

// A line is a path if the decorations that models put around one leave a file
// that was shown, or one word that looks like a file. Words in quotes or behind
// FILE: are meant as paths whatever they look like. A line that merely contains
// a path is prose: guessing which file a sentence means is how edits end in the
// wrong one.

namespace coppice::llm {
namespace {

constexpr std::size_t kLongest = 1024;

struct Stripped {
  std::string_view text;
  bool marked = false;  // by FILE:
};

bool StartsWithNoCase(std::string_view text, std::string_view upper) {
  if (text.size() < upper.size()) return false;
  return std::equal(upper.begin(), upper.end(), text.begin(),
                    [](char u, char c) {
                      return u == c || (c >= 'a' && c <= 'z' && c - 32 == u);
                    });
}

void StripPair(std::string_view& text, std::string_view mark) {
  if (text.size() <= 2 * mark.size() || !text.starts_with(mark) ||
      !text.ends_with(mark)) {
    return;
  }
  text = text.substr(mark.size(), text.size() - 2 * mark.size());
}

Stripped Strip(std::string_view text) {
  Stripped stripped;
  while (true) {
    text = Trim(text);
    const std::size_t before = text.size();
    if (text.starts_with('#')) text.remove_prefix(1);
    if (StartsWithNoCase(text, "FILE:")) {
      text.remove_prefix(5);
      stripped.marked = true;
    }
    if (text.ends_with(':')) text.remove_suffix(1);
    for (std::string_view mark : {"**", "`", "\"", "'"}) {
      StripPair(text, mark);
    }
    if (text.size() == before) break;
  }
  while (text.starts_with("./")) text.remove_prefix(2);
  stripped.text = text;
  return stripped;
}

bool IsWordEnd(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '+' ||
         (c & 0x80) != 0;
}

bool LooksLikeFile(std::string_view word) {
  return !word.empty() && IsWordEnd(word.back()) &&
         word.find_first_of("/.\\") != std::string_view::npos &&
         word.find("://") == std::string_view::npos &&
         word.find_first_of(" \t<>|;(){}=,\"`*") == std::string_view::npos;
}

}  // namespace

std::string PathAlone(std::string_view line, const FindShown& find) {
  if (line.size() > kLongest) return {};
  const Stripped stripped = Strip(line);
  if (stripped.text.empty()) return {};
  if (find(stripped.text) != nullptr || LooksLikeFile(stripped.text) ||
      stripped.marked) {
    return std::string(stripped.text);
  }
  return {};
}

bool NamesOtherPath(std::string_view line, std::string_view path,
                    const FindShown& find) {
  line = line.substr(0, kLongest);
  while (!line.empty()) {
    const std::size_t end = std::min(line.find_first_of(" \t"), line.size());
    std::string_view word = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
    const std::size_t first = word.find_first_not_of("(['\"`*,");
    if (first == std::string_view::npos) continue;
    word.remove_prefix(first);
    word = word.substr(0, word.find_last_not_of(")]'\"`*,.:;!?") + 1);
    const bool file =
        find(word) != nullptr ||
        (LooksLikeFile(word) && word.find('/') != std::string_view::npos &&
         word.find('.') != std::string_view::npos);
    if (file && word != path) return true;
  }
  return false;
}

}  // namespace coppice::llm
