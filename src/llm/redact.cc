#include <algorithm>
#include <array>

#include "llm/codec.h"

// First the values that are held, the longest first, then what only looks like
// a key: one pass over the text, no regular expressions.

namespace coppice::llm {
namespace {

constexpr std::string_view kRedacted = "[REDACTED]";

char Lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

bool IsWordChar(char c) {
  return (c >= '0' && c <= '9') || (Lower(c) >= 'a' && Lower(c) <= 'z') ||
         c == '_';
}

// What keys are made of; '*' and '.' where servers quote part of one.
bool IsKeyChar(char c) {
  return IsWordChar(c) ||
         std::string_view("-.*~+/=").find(c) != std::string_view::npos;
}

// How a key begins, or what stands before one. `least` characters must follow;
// the mark itself goes too, if the key begins with it.
struct Mark {
  std::string_view text;  // lower case
  std::size_t least;
  bool is_part;
  std::string_view between = "";  // may stand between mark and key
};
constexpr std::array<Mark, 4> kMarks{{
    {"sk-", 8, true},
    {"aiza", 20, true},
    {"bearer", 8, false, " \t\""},
    {"x-api-key", 8, false, " \t\":=>'"},
}};

bool BeginsWith(std::string_view text, std::string_view lower) {
  return text.size() >= lower.size() &&
         std::equal(lower.begin(), lower.end(), text.begin(),
                    [](char a, char b) { return a == Lower(b); });
}

// The part of `text` that is a key behind a mark at its beginning.
std::string_view KeyAt(std::string_view text, const Mark& mark) {
  if (!BeginsWith(text, mark.text)) return {};
  std::size_t begin = mark.text.size();
  while (begin < text.size() &&
         mark.between.find(text[begin]) != std::string_view::npos) {
    ++begin;
  }
  if (!mark.is_part && begin == mark.text.size()) return {};
  std::size_t end = begin;
  while (end < text.size() && IsKeyChar(text[end])) ++end;
  if (end - begin < mark.least) return {};
  if (mark.is_part) begin = 0;
  return text.substr(begin, end - begin);
}

std::string WithoutLookalikes(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    std::string_view key;
    if (at == 0 || !IsWordChar(text[at - 1])) {
      for (const Mark& mark : kMarks) {
        if (key.empty()) key = KeyAt(text.substr(at), mark);
      }
    }
    if (key.empty()) {
      out += text[at++];
      continue;
    }
    const auto begin = static_cast<std::size_t>(key.data() - text.data());
    out += text.substr(at, begin - at);
    out += kRedacted;
    at = begin + key.size();
  }
  return out;
}

}  // namespace

void Redactor::Hold(std::string value) {
  if (value.empty()) return;
  held_.push_back(std::move(value));
  std::ranges::sort(held_, std::ranges::greater(), &std::string::size);
}

std::string Redactor::operator()(std::string_view text) const {
  std::string out(text);
  for (const std::string& value : held_) {
    for (std::size_t at = out.find(value); at != std::string::npos;
         at = out.find(value, at + kRedacted.size())) {
      out.replace(at, value.size(), kRedacted);
    }
  }
  return WithoutLookalikes(out);
}

}  // namespace coppice::llm
