#include <algorithm>
#include <numeric>

#include "base/text.h"
#include "base/utf8.h"

// GlobMatch runs the pattern as a nondeterministic automaton: one state a
// token, all of them followed at once, so that no pattern takes more than
// length × length steps. A directory is matched where the last state is
// reached in front of a '/'.

namespace coppice {
namespace {

struct Range {
  char32_t low = 0;
  char32_t high = 0;
};

struct Token {
  enum class Kind { kLiteral, kAny, kStar, kCross, kDirectories, kClass };
  Kind kind = Kind::kLiteral;
  char32_t literal = 0;
  std::vector<Range> ranges;  // of kClass
  bool negated = false;
};

std::u32string Decode(std::string_view text) {
  std::u32string out;
  for (std::size_t at = 0; at < text.size();) {
    out += DecodeUtf8(text, at).value_or(kReplacementCharacter);
  }
  return out;
}

// The class that begins at `at` ('['), or nothing if it never ends.
std::optional<Token> ParseClass(std::u32string_view pattern, std::size_t& at) {
  Token token{.kind = Token::Kind::kClass};
  std::size_t i = at + 1;
  if (i < pattern.size() && (pattern[i] == U'!' || pattern[i] == U'^')) {
    token.negated = true;
    ++i;
  }
  for (const std::size_t first = i; i < pattern.size(); ++i) {
    if (pattern[i] == U']' && i > first) {
      at = i + 1;
      return token;
    }
    Range range{.low = pattern[i], .high = pattern[i]};
    if (i + 2 < pattern.size() && pattern[i + 1] == U'-' &&
        pattern[i + 2] != U']') {
      range.high = pattern[i + 2];
      i += 2;
    }
    token.ranges.push_back(range);
  }
  return std::nullopt;
}

// The token of the stars at `at`: "*", "**", or "**/" as a whole part.
Token ParseStars(std::u32string_view pattern, std::size_t& at) {
  const bool starts_part = at == 0 || pattern[at - 1] == U'/';
  const std::size_t begin = at;
  while (at < pattern.size() && pattern[at] == U'*') ++at;
  if (at - begin == 1) return {.kind = Token::Kind::kStar};
  if (starts_part && at < pattern.size() && pattern[at] == U'/') {
    ++at;
    return {.kind = Token::Kind::kDirectories};
  }
  return {.kind = Token::Kind::kCross};
}

std::vector<Token> Tokenize(std::u32string_view pattern) {
  std::vector<Token> tokens;
  for (std::size_t at = 0; at < pattern.size();) {
    const char32_t c = pattern[at];
    if (c == U'*') {
      tokens.push_back(ParseStars(pattern, at));
      continue;
    }
    if (c == U'[') {
      if (std::optional<Token> token = ParseClass(pattern, at)) {
        tokens.push_back(std::move(*token));
        continue;
      }
    }
    if (c == U'?') {
      tokens.push_back({.kind = Token::Kind::kAny});
    } else {
      if (c == U'\\' && at + 1 < pattern.size()) ++at;
      tokens.push_back({.literal = pattern[at]});
    }
    ++at;
  }
  return tokens;
}

bool Repeats(Token::Kind kind) {
  return kind == Token::Kind::kStar || kind == Token::Kind::kCross ||
         kind == Token::Kind::kDirectories;
}

bool Accepts(const Token& token, char32_t c) {
  switch (token.kind) {
    case Token::Kind::kLiteral:
      return c == token.literal;
    case Token::Kind::kAny:
    case Token::Kind::kStar:
      return c != U'/';
    case Token::Kind::kCross:
    case Token::Kind::kDirectories:
      return true;
    case Token::Kind::kClass:
      break;
  }
  const bool listed =
      std::any_of(token.ranges.begin(), token.ranges.end(),
                  [c](Range r) { return c >= r.low && c <= r.high; });
  return c != U'/' && listed != token.negated;
}

// Adds the states that need no further character. A kDirectories token lets
// go only where a part of the path begins.
void Close(const std::vector<Token>& tokens, bool part_begins,
           std::vector<bool>& states) {
  for (std::size_t s = 0; s < tokens.size(); ++s) {
    if (!states[s] || !Repeats(tokens[s].kind)) continue;
    if (tokens[s].kind == Token::Kind::kDirectories && !part_begins) continue;
    states[s + 1] = true;
  }
}

}  // namespace

bool GlobMatch(std::string_view pattern, std::string_view path) {
  while (pattern.starts_with("./")) pattern.remove_prefix(2);
  if (pattern.empty() || pattern == ".") return true;
  const bool directory_only = pattern.ends_with('/');
  if (directory_only) pattern.remove_suffix(1);
  if (pattern.find_first_of("*?[\\") == std::string_view::npos) {
    if (!path.starts_with(pattern)) return false;
    if (path.size() == pattern.size()) return !directory_only;
    return path[pattern.size()] == '/';
  }
  const std::vector<Token> tokens = Tokenize(Decode(pattern));
  const std::u32string text = Decode(path);

  std::vector<bool> states(tokens.size() + 1);
  states[0] = true;
  Close(tokens, true, states);
  for (char32_t c : text) {
    if (c == U'/' && states.back()) return true;
    std::vector<bool> next(states.size());
    for (std::size_t s = 0; s < tokens.size(); ++s) {
      if (!states[s] || !Accepts(tokens[s], c)) continue;
      next[Repeats(tokens[s].kind) ? s : s + 1] = true;
    }
    Close(tokens, c == U'/', next);
    states = std::move(next);
  }
  return states.back() && !directory_only;
}

std::size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

std::optional<std::string> Nearest(std::string_view word,
                                   std::span<const std::string> candidates) {
  std::size_t best = std::max<std::size_t>(2, word.size() / 3) + 1;
  std::optional<std::string> nearest;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = EditDistance(word, candidate);
    if (distance >= best || distance >= word.size()) continue;
    best = distance;
    nearest = candidate;
  }
  return nearest;
}

}  // namespace coppice
