#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace coppice::llm {

// The lines of an answer, one after the other, without '\n' or "\r\n".
class AnswerLines {
 public:
  explicit AnswerLines(std::string_view text) : text_(text) {}
  bool Next();  // false: there are no more
  std::string_view line() const { return line_; }
  int number() const { return number_; }        // from 1
  std::size_t position() const { return at_; }  // behind the line

 private:
  std::string_view text_;
  std::string_view line_;
  std::size_t at_ = 0;
  int number_ = 0;
};

// The three lines that bound the parts of a search/replace block.
class Markers {
 public:
  enum class Kind { kNone, kSearch, kDivider, kReplace };
  // `suffix` stands behind every marker, with or without a blank; may be empty.
  explicit Markers(std::string suffix);

  // Exact, but for blanks at the end.
  Kind Of(std::string_view line) const;
  std::string Text(Kind kind) const;  // as it is to be written

 private:
  std::string suffix_;
};

// Lines that were meant as a marker: "<<<<<< search", "<<<<<<< HEAD".
bool ResemblesSearch(std::string_view line);
bool ResemblesDivider(std::string_view line);
bool ResemblesReplace(std::string_view line);

// A line of three or more backticks or tildes at its very beginning.
struct Fence {
  char mark = '`';
  std::size_t length = 3;
  std::string_view info;  // behind the marks; the closing one has none
};
std::optional<Fence> FenceOf(std::string_view line);
// Is `inner` long enough, of the same mark and bare?
bool Closes(const Fence& inner, const Fence& outer);

}  // namespace coppice::llm
