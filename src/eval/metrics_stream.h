#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// Two readers of an endless stream that keep a bounded part of it.

namespace coppice::eval {

// Where the first `a` or `b` stands, or npos; as fast as memchr.
std::size_t FindEither(std::string_view text, char a, char b);

// Lines of at most 64 KiB; longer ones are dropped and counted. A carriage
// return ends a line too, so that nothing hides behind what overwrites it.
class LineStream {
 public:
  static constexpr std::size_t kLongest = 64 * 1024;

  // Calls `each(line)` for every line that `chunk` completes.
  template <class F>
  void Feed(std::string_view chunk, F&& each) {
    while (!chunk.empty()) {
      const std::size_t end = FindEither(chunk, '\n', '\r');
      if (end == std::string_view::npos) {
        Keep(chunk);
        return;
      }
      Complete(chunk.substr(0, end), each);
      chunk.remove_prefix(end + 1);
    }
  }
  // The last line may lack its end.
  template <class F>
  void Finish(F&& each) {
    Complete({}, each);
  }

  std::uint64_t dropped() const { return dropped_; }

 private:
  void Keep(std::string_view part);

  template <class F>
  void Complete(std::string_view rest, F&& each) {
    if (partial_.empty() && !overlong_ && rest.size() <= kLongest) {
      if (!rest.empty()) each(rest);
      return;
    }
    Keep(rest);
    if (overlong_) {
      ++dropped_;
    } else {
      each(std::string_view(partial_));
    }
    partial_.clear();
    overlong_ = false;
  }

  std::string partial_;
  bool overlong_ = false;
  std::uint64_t dropped_ = 0;
};

// The last complete top-level JSON object among whatever else is printed.
// Objects with NaN and Infinity count; empty ones, ones inside an array and
// ones over 16 MiB do not.
class JsonStream {
 public:
  static constexpr std::size_t kLargest = 16 * 1024 * 1024;

  void Feed(std::string_view chunk);

  const std::optional<std::string>& last() const { return last_; }

 private:
  enum class Expect {
    kStart,  // outside: '{' or '['
    kValue,
    kValueOrEnd,  // after '['
    kKeyOrEnd,    // after '{'
    kKey,         // after ',' in an object
    kColon,
    kCommaOrEnd,
    kInString,
    kInEscape,
    kInToken,  // a number or a word
  };

  // False if `c` breaks the grammar: what was begun is no JSON, and `c` is
  // looked at again from outside.
  bool Step(char c);
  // Takes what is inside a string up to its next special character.
  std::size_t SkipString(std::string_view chunk);
  bool StepValue(char c);
  bool StepCommaOrEnd(char c);
  bool EndToken();
  bool Open(char bracket);
  bool Close(char bracket);
  void Append(char c);
  void Reset();

  Expect expect_ = Expect::kStart;
  bool key_ = false;     // the string being read is a key
  bool member_ = false;  // the outermost object has one
  std::string nesting_;  // open brackets
  std::string token_;
  std::string current_;
  std::optional<std::string> last_;
};

}  // namespace coppice::eval
