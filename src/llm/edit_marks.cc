#include "llm/edit_marks.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace coppice::llm {
namespace {

constexpr std::size_t kMarks = 7;
constexpr std::size_t kFewestMarks = 5;  // that still look like a marker
constexpr std::size_t kLongestFence = 64;

std::size_t Run(std::string_view line, char mark) {
  return std::min(line.find_first_not_of(mark), line.size());
}

std::string_view WithoutTrailingBlanks(std::string_view line) {
  return line.substr(0, line.find_last_not_of(" \t\r") + 1);
}

bool IsLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// At least five marks, then nothing or a word.
bool Resembles(std::string_view line, char mark) {
  const std::size_t run = Run(line, mark);
  if (run < kFewestMarks) return false;
  const std::string_view rest = Trim(line.substr(run));
  return rest.empty() || IsLetter(rest.front());
}

}  // namespace

bool AnswerLines::Next() {
  if (at_ >= text_.size()) return false;
  const std::size_t end = std::min(text_.find('\n', at_), text_.size());
  line_ = text_.substr(at_, end - at_);
  if (line_.ends_with('\r')) line_.remove_suffix(1);
  at_ = end + 1;
  ++number_;
  return true;
}

Markers::Markers(std::string suffix) : suffix_(std::move(suffix)) {}

Markers::Kind Markers::Of(std::string_view line) const {
  if (line.size() < kMarks) return Kind::kNone;
  const char mark = line.front();
  if (mark != '<' && mark != '=' && mark != '>') return Kind::kNone;
  std::string_view rest = WithoutTrailingBlanks(line);
  if (Run(rest, mark) != kMarks) return Kind::kNone;
  rest.remove_prefix(kMarks);
  const std::string_view word = mark == '<'   ? " SEARCH"
                                : mark == '>' ? " REPLACE"
                                              : "";
  if (!rest.starts_with(word)) return Kind::kNone;
  rest.remove_prefix(word.size());
  if (!suffix_.empty() && rest.starts_with(' ')) rest.remove_prefix(1);
  if (rest != suffix_) return Kind::kNone;
  return mark == '<'   ? Kind::kSearch
         : mark == '>' ? Kind::kReplace
                       : Kind::kDivider;
}

std::string Markers::Text(Kind kind) const {
  std::string text = kind == Kind::kSearch    ? "<<<<<<< SEARCH"
                     : kind == Kind::kDivider ? "======="
                                              : ">>>>>>> REPLACE";
  if (!suffix_.empty()) text += " " + suffix_;
  return text;
}

bool ResemblesSearch(std::string_view line) { return Resembles(line, '<'); }

bool ResemblesDivider(std::string_view line) { return Resembles(line, '='); }

bool ResemblesReplace(std::string_view line) { return Resembles(line, '>'); }

std::optional<Fence> FenceOf(std::string_view line) {
  if (!line.starts_with("```") && !line.starts_with("~~~")) return std::nullopt;
  const char mark = line.front();
  const std::size_t length = Run(line, mark);
  if (length > kLongestFence) return std::nullopt;
  const std::string_view info = Trim(line.substr(length));
  if (mark == '`' && info.find('`') != std::string_view::npos) {
    return std::nullopt;  // code within a line
  }
  return Fence{.mark = mark, .length = length, .info = info};
}

bool Closes(const Fence& inner, const Fence& outer) {
  return inner.mark == outer.mark && inner.length >= outer.length &&
         inner.info.empty();
}

}  // namespace coppice::llm
