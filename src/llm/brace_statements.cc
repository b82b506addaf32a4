#include <algorithm>
#include <string_view>

#include "llm/statements.h"

// Statements of languages with braces and semicolons, without their grammar.
// Brackets are kept on a stack, and each open bracket remembers where the
// statement within it began:
//
//   ;   ends the statement, unless it stands in (...) or an `else` follows
//   }   ends the statement that opened it when it opened a block (if, for,
//       a function, ...), not when it closed a value: `x = {1, 2};`
//   :   behind a label or `case` lets the statement begin anew
//
// Only statements within functions count; a brace opens a function if there
// are parentheses before it and no `class`, `namespace` or the like. A bracket
// that does not match ends the reading: what was found is still balanced.

namespace coppice::llm {
namespace {

constexpr std::size_t kNone = std::string_view::npos;

constexpr std::string_view kTypeWords[] = {
    "class", "struct",    "union", "enum", "namespace", "extern",
    "impl",  "interface", "trait", "mod",  "function"};
constexpr std::string_view kValueWords[] = {"return", "throw", "co_return",
                                            "co_yield", "typedef"};
constexpr std::string_view kLabelWords[] = {"case", "default", "public",
                                            "private", "protected"};
constexpr std::string_view kClauseWords[] = {"else", "catch", "finally"};

template <std::size_t N>
bool IsOneOf(std::string_view word, const std::string_view (&words)[N]) {
  return std::find(words, words + N, word) != words + N;
}

// An open bracket, and the statement under way in it.
struct Frame {
  char open = 0;
  bool code = false;  // within a function
  std::size_t begin = kNone;
  std::string_view first_word;
  int words = 0;
  bool type = false;         // says class, struct, ...
  bool parentheses = false;  // has (...)
  bool assigns = false;      // has =
  char last = 0;             // its last character so far

  bool IsBlock() const { return open == 0 || open == '{'; }
  void Restart() { *this = Frame{.open = open, .code = code}; }
};

class Splitter {
 public:
  Splitter(std::string_view text, const std::vector<Cover>& cover, bool script)
      : text_(text), cover_(cover) {
    stack_.push_back(Frame{.code = script});
  }

  std::vector<Span> Run() {
    std::size_t i = 0;
    while (i < text_.size()) {
      if (Skips(i)) {
        ++i;
      } else if (cover_[i] == Cover::kString) {
        Touch(i++);
      } else if (IsWordChar(text_[i])) {
        i = Word(i);
      } else if (!Sign(i++)) {
        break;
      }
    }
    std::ranges::sort(found_, {}, &Span::begin);
    return std::move(found_);
  }

 private:
  bool Skips(std::size_t i) const {
    return cover_[i] == Cover::kComment || cover_[i] == Cover::kDirective ||
           (cover_[i] == Cover::kCode && IsBlank(text_[i]));
  }
  Frame& Touch(std::size_t i) {
    Frame& frame = stack_.back();
    if (frame.begin == kNone) frame.begin = i;
    frame.last = text_[i];
    return frame;
  }
  std::string_view WordAt(std::size_t i) const {
    std::size_t end = i;
    while (end < text_.size() && IsWordChar(text_[end]) &&
           cover_[end] == Cover::kCode)
      ++end;
    return text_.substr(i, end - i);
  }
  std::size_t NextCode(std::size_t i) const {
    while (i < text_.size() && Skips(i)) ++i;
    return i;
  }

  std::size_t Word(std::size_t i) {
    const std::string_view word = WordAt(i);
    Frame& frame = Touch(i);
    frame.last = word.back();
    if (frame.words++ == 0) frame.first_word = word;
    if (IsOneOf(word, kTypeWords)) frame.type = true;
    const std::size_t end = i + word.size();
    return word == "template" ? BehindAngles(end) : end;
  }

  // Behind the <...> of a template, so that its `class` counts for nothing.
  std::size_t BehindAngles(std::size_t i) const {
    int depth = 0;
    for (std::size_t at = i; at < text_.size(); ++at) {
      if (cover_[at] != Cover::kCode) continue;
      const char c = text_[at];
      if (c == ';' || c == '{') return i;
      if (c == '<') ++depth;
      if (c == '>' && --depth == 0) return at + 1;
    }
    return i;
  }

  // False: the brackets do not match.
  bool Sign(std::size_t i) {
    const char c = text_[i];
    switch (c) {
      case '(':
      case '[':
      case '{':
        Open(i, c);
        return true;
      case ')':
      case ']':
      case '}':
        return Close(i, c);
      case ';':
        Semicolon(i);
        return true;
      case ':':
        Colon(i);
        return true;
      case '=':
        if (Assigns(i)) stack_.back().assigns = true;
        break;
      default:
        break;
    }
    Touch(i);
    return true;
  }

  void Open(std::size_t i, char c) {
    const char before = stack_.back().last;
    Frame& frame = Touch(i);
    bool code = frame.code;
    if (c == '{' && !code && frame.IsBlock())
      code = frame.parentheses && (!frame.type || before == ')');
    if (c == '(') frame.parentheses = true;
    stack_.push_back(Frame{.open = c, .code = code});
  }

  bool Close(std::size_t i, char c) {
    const char open = c == ')' ? '(' : c == ']' ? '[' : '{';
    if (stack_.back().open != open) return false;
    stack_.pop_back();
    Frame& frame = Touch(i);
    if (c == '}' && frame.IsBlock() && BlockEnds(frame, i)) Emit(frame, i + 1);
    return true;
  }

  bool BlockEnds(const Frame& frame, std::size_t i) const {
    if (frame.assigns || IsOneOf(frame.first_word, kValueWords)) return false;
    const std::size_t next = NextCode(i + 1);
    if (next == text_.size()) return true;
    if (std::string_view(";,.){").find(text_[next]) != kNone) return false;
    const std::string_view word = WordAt(next);
    if (IsOneOf(word, kClauseWords)) return false;
    return !(word == "while" && frame.first_word == "do");
  }

  void Semicolon(std::size_t i) {
    Frame& frame = stack_.back();
    if (!frame.IsBlock()) {
      Touch(i);
    } else if (frame.begin != kNone &&
               !IsOneOf(WordAt(NextCode(i + 1)), kClauseWords)) {
      Emit(frame, i + 1);
    }
  }

  void Colon(std::size_t i) {
    const bool scope = (i > 0 && text_[i - 1] == ':') ||
                       (i + 1 < text_.size() && text_[i + 1] == ':');
    Frame& frame = Touch(i);
    if (scope || !frame.IsBlock() || frame.words == 0) return;
    const bool label = frame.words == 1 &&
                       i == frame.begin + frame.first_word.size() &&
                       frame.first_word != "default";
    if (label || IsOneOf(frame.first_word, kLabelWords)) frame.Restart();
  }

  // '=' as in an assignment or initialization, not as in ==, <=, =>, operator=.
  bool Assigns(std::size_t i) const {
    static constexpr std::string_view kBefore = "=!<>";
    if (i > 0 && kBefore.find(text_[i - 1]) != kNone) return false;
    if (i + 1 < text_.size() && (text_[i + 1] == '=' || text_[i + 1] == '>'))
      return false;
    return !text_.substr(0, i).ends_with("operator");
  }

  void Emit(Frame& frame, std::size_t end) {
    const bool definition =
        frame.type && frame.words > 0 && IsOneOf(frame.first_word, kTypeWords);
    if (frame.code && frame.words > 0 && !definition)
      found_.push_back({frame.begin, end});
    frame.Restart();
  }

  const std::string_view text_;
  const std::vector<Cover>& cover_;
  std::vector<Frame> stack_;
  std::vector<Span> found_;
};

}  // namespace

std::vector<Span> BraceStatements(std::string_view text,
                                  const std::vector<Cover>& cover,
                                  bool script) {
  return Splitter(text, cover, script).Run();
}

}  // namespace coppice::llm
