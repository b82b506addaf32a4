#include "llm/units.h"

#include <algorithm>
#include <cstddef>
#include <optional>

#include "llm/statements.h"

namespace coppice::llm {
namespace {

constexpr std::size_t kNone = std::string_view::npos;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Turns offsets into units; begins must not decrease.
class UnitMaker {
 public:
  UnitMaker(std::string_view text, const std::vector<Cover>& cover)
      : text_(text), cover_(cover) {}

  Unit Make(const Span& span) {
    line_ += static_cast<std::uint32_t>(std::count(
        text_.begin() + static_cast<std::ptrdiff_t>(counted_),
        text_.begin() + static_cast<std::ptrdiff_t>(span.begin), '\n'));
    counted_ = span.begin;
    const std::size_t newline = text_.rfind('\n', span.begin);
    const std::size_t line_begin = newline == kNone ? 0 : newline + 1;
    std::size_t line_end = std::min(text_.find('\n', span.end), text_.size());
    // A comment that goes on in the next line must keep its beginning.
    bool whole =
        line_end == text_.size() || cover_[line_end] != Cover::kComment;
    if (line_end > span.end && text_[line_end - 1] == '\r') --line_end;
    whole = whole && Blank(line_begin, span.begin, false) &&
            Blank(span.end, line_end, true);
    return Unit{.begin = Narrow(span.begin),
                .end = Narrow(span.end),
                .line_begin = Narrow(line_begin),
                .line_end = Narrow(line_end),
                .line = line_,
                .whole_lines = whole,
                .only_child = span.only_child};
  }

 private:
  static std::uint32_t Narrow(std::size_t offset) {
    return static_cast<std::uint32_t>(offset);
  }
  bool Blank(std::size_t begin, std::size_t end, bool or_comment) const {
    for (std::size_t i = begin; i < end; ++i) {
      if (!IsBlank(text_[i]) && !(or_comment && cover_[i] == Cover::kComment))
        return false;
    }
    return true;
  }

  const std::string_view text_;
  const std::vector<Cover>& cover_;
  std::size_t counted_ = 0;
  std::uint32_t line_ = 1;
};

// Brackets and separators alone do nothing.
bool Matters(char c) {
  return !IsBlank(c) && std::string_view("(){}[];,").find(c) == kNone;
}

// Where the number at `at` ends, suffix included; nothing if it is none that
// can be changed. `at` is its first digit or point.
std::optional<std::size_t> LiteralEnd(std::string_view text, std::size_t at) {
  auto digit = [&](std::size_t i) {
    return i < text.size() && IsDigit(text[i]);
  };
  auto digits = [&](std::size_t& i) {
    while (digit(i) || (i + 1 < text.size() &&
                        (text[i] == '\'' || text[i] == '_') && digit(i + 1)))
      ++i;
  };
  std::size_t i = at;
  digits(i);
  bool real = false;
  const bool range = text.substr(i, 2) == "..";
  if (i < text.size() && text[i] == '.' && !range) {
    real = true;
    ++i;
    digits(i);
  }
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    std::size_t exponent = i + 1;
    if (exponent < text.size() &&
        (text[exponent] == '+' || text[exponent] == '-'))
      ++exponent;
    if (digit(exponent)) {
      real = true;
      i = exponent;
      digits(i);
    }
  }
  const bool octal = !real && i > at + 1 && text[at] == '0';
  while (i < text.size() && IsWordChar(text[i])) ++i;             // suffix
  const bool more = i < text.size() && text[i] == '.' && !range;  // a version
  const bool other_base =
      at + 1 < i && text[at] == '0' &&
      std::string_view("xXbBoO").find(text[at + 1]) != kNone;
  if (octal || more || other_base) return std::nullopt;
  return i;
}

// "5" and ".5", but neither the "5" of "x.5" nor that of "..5".
bool StartsNumber(std::string_view text, std::size_t i) {
  const char before = i == 0 ? ' ' : text[i - 1];
  if (IsDigit(text[i])) return before != '.' || i < 2 || text[i - 2] == '.';
  return text[i] == '.' && i + 1 < text.size() && IsDigit(text[i + 1]) &&
         !IsWordChar(before) && std::string_view(".)]").find(before) == kNone;
}

// Is the '-' at `at` a sign, not a subtraction?
bool IsSign(std::string_view text, std::size_t at) {
  while (at > 0 && (text[at - 1] == ' ' || text[at - 1] == '\t')) --at;
  if (at == 0) return true;
  const char before = text[at - 1];
  if (!IsWordChar(before))
    return before != ')' && before != ']' && before != '"' && before != '\'';
  return text.substr(0, at).ends_with("return");
}

}  // namespace

std::vector<Unit> LineUnits(std::string_view text,
                            const std::vector<Cover>& cover) {
  std::vector<Unit> units;
  UnitMaker maker(text, cover);
  std::size_t next = 0;
  for (std::size_t begin = 0; begin < text.size(); begin = next) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    next = end + 1;
    std::size_t first = kNone, last = 0;
    bool code = false, matters = false, string = false;
    for (std::size_t i = begin; i < end; ++i) {
      if (cover[i] == Cover::kComment || IsBlank(text[i])) continue;
      if (first == kNone) first = i;
      last = i + 1;
      if (cover[i] == Cover::kString) {
        string = true;
      } else {
        code = true;
        matters = matters || Matters(text[i]);
      }
    }
    if (matters || (string && code)) units.push_back(maker.Make({first, last}));
  }
  return units;
}

std::vector<Unit> StatementUnits(std::string_view text,
                                 const std::vector<Cover>& cover,
                                 const Language& language) {
  std::vector<Span> spans;
  switch (language.blocks) {
    case Language::Blocks::kBraces:
      spans = BraceStatements(text, cover, language.script);
      break;
    case Language::Blocks::kIndent:
      spans = IndentStatements(text, cover);
      break;
    case Language::Blocks::kLines:
      spans = BalancedLines(text, cover);
      break;
  }
  std::vector<Unit> units;
  units.reserve(spans.size());
  UnitMaker maker(text, cover);
  for (const Span& span : spans) units.push_back(maker.Make(span));
  return units;
}

std::vector<Literal> Literals(std::string_view text,
                              const std::vector<Cover>& cover) {
  auto word = [&](std::size_t i) {
    return i < text.size() && IsWordChar(text[i]);
  };
  std::vector<Literal> found;
  std::uint32_t line = 1;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') ++line;
    if (cover[i] != Cover::kCode && cover[i] != Cover::kDirective) continue;
    if (!StartsNumber(text, i)) {
      while (word(i) && word(i + 1)) ++i;
      continue;
    }
    if (const std::optional<std::size_t> end = LiteralEnd(text, i)) {
      const bool sign = i > 0 && text[i - 1] == '-' && IsSign(text, i - 1);
      found.push_back({static_cast<std::uint32_t>(sign ? i - 1 : i),
                       static_cast<std::uint32_t>(*end), line});
      i = *end - 1;
    } else {  // a number to be left alone, with its points
      while (word(i + 1) || (i + 1 < text.size() && text[i + 1] == '.')) ++i;
    }
  }
  return found;
}

}  // namespace coppice::llm
