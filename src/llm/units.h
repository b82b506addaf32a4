#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "llm/lexing.h"
#include "spec/spec.h"

namespace coppice::llm {

// A line or statement of a file: what the built-in edits move about. Offsets
// into the text. Comments behind it stay where they are.
struct Unit {
  std::uint32_t begin = 0;  // the first and one past the last byte of its code
  std::uint32_t end = 0;
  std::uint32_t line_begin = 0;  // of the lines it stands on, without the
  std::uint32_t line_end = 0;    // newline that ends the last
  std::uint32_t line = 0;        // number of the first one, from 1
  bool whole_lines = false;      // nothing but blanks and comments beside it
  bool only_child = false;       // the block would be empty without it
};

// Lines with code: not blank, no comment, not brackets and separators alone.
std::vector<Unit> LineUnits(std::string_view text,
                            const std::vector<Cover>& cover);

// Statements, the simple ones as well as those with a block (with `else` and
// the like belonging to the `if`), at every depth, in the order of their
// beginnings. A statement never splits a pair of brackets. Definitions of
// functions and types are none.
std::vector<Unit> StatementUnits(std::string_view text,
                                 const std::vector<Cover>& cover,
                                 const Language& language);

// A number in code, its unary minus included.
struct Literal {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  std::uint32_t line = 0;
};

// Decimal integers and reals with their suffixes; other bases, octals and
// numbers in names, versions, strings and comments are left alone.
std::vector<Literal> Literals(std::string_view text,
                              const std::vector<Cover>& cover);

}  // namespace coppice::llm
