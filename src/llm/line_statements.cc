#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "llm/statements.h"

// Statements of languages where lines count: by indentation (Python), or as
// lines whose brackets balance (everything else).

namespace coppice::llm {
namespace {

// One line as the language sees it: several in the text where brackets or
// strings stay open, or a backslash goes on.
struct LogicalLine {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t indent = 0;
  std::string_view first_word;
  bool has_word = false;
};

// +1, -1 or 0: what the byte does to the depth of brackets.
int Depth(char c, Cover cover) {
  if (cover != Cover::kCode) return 0;
  if (c == '(' || c == '[' || c == '{') return 1;
  return c == ')' || c == ']' || c == '}' ? -1 : 0;
}

class LogicalLines {
 public:
  LogicalLines(std::string_view text, const std::vector<Cover>& cover)
      : text_(text), cover_(cover) {}

  std::vector<LogicalLine> Read() {
    for (std::size_t i = 0; i < text_.size(); ++i) {
      const char c = text_[i];
      if (c == '\n' && cover_[i] == Cover::kCode) {
        if (depth_ == 0 && !Continues(i)) Flush();
        if (!open_) line_begin_ = i + 1;
      } else if (cover_[i] != Cover::kComment &&
                 !(IsBlank(c) && cover_[i] == Cover::kCode)) {
        Add(i);
      }
    }
    Flush();
    return std::move(lines_);
  }

 private:
  bool Continues(std::size_t newline) const {
    const std::size_t at =
        newline > 0 && text_[newline - 1] == '\r' ? newline - 1 : newline;
    return at > 0 && text_[at - 1] == '\\' && cover_[at - 1] == Cover::kCode;
  }
  void Add(std::size_t i) {
    if (!open_) {
      open_ = true;
      line_ = LogicalLine{.begin = i, .indent = i - line_begin_};
      std::size_t end = i;
      while (end < text_.size() && IsWordChar(text_[end])) ++end;
      line_.first_word = text_.substr(i, end - i);
    }
    line_.end = i + 1;
    if (cover_[i] == Cover::kCode && IsWordChar(text_[i]))
      line_.has_word = true;
    depth_ = std::max(0, depth_ + Depth(text_[i], cover_[i]));
  }
  void Flush() {
    if (open_) lines_.push_back(line_);
    open_ = false;
    depth_ = 0;
  }

  const std::string_view text_;
  const std::vector<Cover>& cover_;
  std::vector<LogicalLine> lines_;
  LogicalLine line_;
  bool open_ = false;
  int depth_ = 0;
  std::size_t line_begin_ = 0;
};

constexpr std::string_view kClauses[] = {"else", "elif", "except", "finally"};

bool IsClause(const LogicalLine& line) {
  return std::ranges::find(kClauses, line.first_word) != std::end(kClauses);
}

// The line behind the statement at `first`: behind its block, its clauses
// and, for a decorator, what it decorates.
std::size_t BlockEnd(const std::vector<LogicalLine>& lines, std::size_t first,
                     std::string_view text) {
  const std::size_t indent = lines[first].indent;
  std::size_t at = first;
  while (at < lines.size() && lines[at].indent == indent &&
         text[lines[at].begin] == '@')
    ++at;
  for (++at; at < lines.size(); ++at) {
    if (lines[at].indent > indent) continue;
    if (lines[at].indent < indent || !IsClause(lines[at])) break;
  }
  return std::min(at, lines.size());
}

bool IsDefinition(const LogicalLine& line, std::string_view text) {
  return line.first_word == "def" || line.first_word == "class" ||
         line.first_word == "async" || text[line.begin] == '@';
}

// Keeps what is open; false when something else is closed.
bool Matches(char c, std::string& open) {
  if (c == '(' || c == '[' || c == '{') open += c;
  if (c != ')' && c != ']' && c != '}') return true;
  const char partner = c == ')' ? '(' : c == ']' ? '[' : '{';
  if (open.empty() || open.back() != partner) return false;
  open.pop_back();
  return true;
}

// The fewest whole lines from `begin` on that close what they open.
std::optional<Span> BalancedFrom(std::size_t begin, std::string_view text,
                                 const std::vector<Cover>& cover) {
  constexpr int kMostLines = 200;
  std::optional<Span> span;
  std::string open;
  bool has_word = false;
  int lines = 0;
  for (std::size_t i = begin; i < text.size(); ++i) {
    if (text[i] == '\n' && cover[i] != Cover::kString &&
        (open.empty() || ++lines == kMostLines))
      break;
    if (cover[i] == Cover::kComment || IsBlank(text[i])) continue;
    if (!span) span = Span{.begin = i};
    span->end = i + 1;
    if (cover[i] != Cover::kCode) continue;
    has_word = has_word || IsWordChar(text[i]);
    if (!Matches(text[i], open)) return std::nullopt;
  }
  return has_word && open.empty() ? span : std::nullopt;
}

}  // namespace

std::vector<Span> IndentStatements(std::string_view text,
                                   const std::vector<Cover>& cover) {
  const std::vector<LogicalLine> lines = LogicalLines(text, cover).Read();
  std::vector<Span> found;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const LogicalLine& line = lines[i];
    if (!line.has_word || IsClause(line) || IsDefinition(line, text)) continue;
    const std::size_t end = BlockEnd(lines, i, text);
    const bool first = i > 0 && lines[i - 1].indent < line.indent;
    const bool last = end == lines.size() || lines[end].indent < line.indent;
    found.push_back({line.begin, lines[end - 1].end, first && last});
  }
  return found;
}

std::vector<Span> BalancedLines(std::string_view text,
                                const std::vector<Cover>& cover) {
  std::vector<Span> found;
  std::size_t next = 0;
  for (std::size_t begin = 0; begin < text.size(); begin = next) {
    next = std::min(text.find('\n', begin), text.size() - 1) + 1;
    if (std::optional<Span> span = BalancedFrom(begin, text, cover))
      found.push_back(*span);
  }
  return found;
}

}  // namespace coppice::llm
