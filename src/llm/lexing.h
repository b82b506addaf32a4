#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace coppice::llm {

// What the built-in edits know of a language, by the name of the file.
struct Language {
  // How statements are found: by braces and semicolons, by indentation, or
  // line by line with balanced brackets.
  enum class Blocks { kBraces, kIndent, kLines };

  Blocks blocks = Blocks::kLines;
  bool slash_comments = false;  // "//" and "/* */"
  bool hash_comments = false;
  bool directives = false;     // '#' begins a preprocessor line; R"(...)"
  bool triple_quotes = false;  // """..."""
  bool backticks = false;      // strings over several lines
  bool char_quotes = false;    // '...' is one character, so 'a is no string
  bool script = false;         // statements stand outside of functions, too

  friend bool operator==(const Language&, const Language&) = default;
};

Language LanguageOf(std::string_view path);

// What a byte is part of. A preprocessor line is kDirective where it defines
// something and kComment where it does not: no edit should touch it.
enum class Cover : std::uint8_t { kCode, kString, kComment, kDirective };

// One mark a byte. Forgiving: no text is an error.
std::vector<Cover> CoverText(std::string_view text, const Language& language);

}  // namespace coppice::llm
