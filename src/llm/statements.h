#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "llm/lexing.h"

namespace coppice::llm {

// The code of one statement, [begin, end).
struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;
  bool only_child = false;
};

// One for each kind of Language::Blocks.
std::vector<Span> BraceStatements(std::string_view text,
                                  const std::vector<Cover>& cover, bool script);
std::vector<Span> IndentStatements(std::string_view text,
                                   const std::vector<Cover>& cover);
std::vector<Span> BalancedLines(std::string_view text,
                                const std::vector<Cover>& cover);

inline bool IsWordChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || c == '_' || (c & 0x80) != 0;
}
inline bool IsBlank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' ||
         c == '\v';
}

}  // namespace coppice::llm
