#include "eval/failure_signature.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/text.h"

namespace coppice::eval {
namespace {

constexpr std::size_t kLongestLine = 160;

constexpr std::array<std::string_view, 12> kErrorWords = {
    "error",     "fail",   "assert", "exception",    "panic", "undefined",
    "not found", "denied", "fault",  "no such file", "abort", "cannot"};

std::string_view EndOf(const Captured& captured) {
  return captured.tail.empty() ? captured.head : captured.tail;
}

std::string EndText(const Captured& captured) {
  std::string end;
  if (!captured.truncated() && !captured.tail.empty()) end = captured.head;
  end += EndOf(captured);
  return Sanitize(end);
}

std::size_t CountLines(std::string_view text) {
  return SplitLines(text).size();
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

bool LooksLikeError(std::string_view line) {
  const std::string lower = Lower(line);
  return std::ranges::any_of(kErrorWords, [&](std::string_view word) {
    return lower.find(word) != std::string::npos;
  });
}

std::string_view LastErrorLine(const std::vector<std::string_view>& lines) {
  std::string_view last;
  for (auto it = lines.rbegin(); it != lines.rend(); ++it) {
    const std::string_view line = Trim(*it);
    if (line.empty()) continue;
    if (LooksLikeError(line)) return line;
    if (last.empty()) last = line;
  }
  return last;
}

bool IsHex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
         (c >= 'A' && c <= 'F');
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool InWord(char c) {
  return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         c == '_' || c == '.' || c == '-' || c == '+';
}

// "/a/b/c.py" -> "c.py", "0x7f01" -> "H", "12" -> "N", blanks -> one blank.
std::string Normalise(std::string_view line) {
  std::string out;
  for (std::size_t i = 0; i < line.size();) {
    const char c = line[i];
    if (c == '/') {
      // What stands before the last slash of a path is a directory.
      while (!out.empty() && InWord(out.back())) out.pop_back();
      ++i;
    } else if (line.substr(i).starts_with("0x")) {
      i += 2;
      while (i < line.size() && IsHex(line[i])) ++i;
      out += 'H';
    } else if (IsDigit(c)) {
      while (i < line.size() && (IsDigit(line[i]) || line[i] == '.')) ++i;
      out += 'N';
    } else if (c == ' ' || c == '\t') {
      if (!out.empty() && out.back() != ' ') out += ' ';
      ++i;
    } else {
      out += c;
      ++i;
    }
  }
  return OneLine(out, kLongestLine);
}

}  // namespace

std::string TailOf(const CommandResult& result, std::size_t count) {
  const std::string out = EndText(result.out);
  const std::string err = EndText(result.err);
  const std::size_t half = count / 2;
  const std::size_t from_err =
      std::min(CountLines(err),
               std::max(half, count - std::min(count, CountLines(out))));
  std::string tail = LastLines(out, count - from_err);
  if (!tail.empty() && !tail.ends_with('\n')) tail += '\n';
  return tail + LastLines(err, from_err);
}

std::string FailureSignature(EvalPhase phase, Verdict verdict,
                             std::string_view tail) {
  return fmt::format("{}|{}|{}", Name(phase), Name(verdict),
                     Normalise(LastErrorLine(SplitLines(tail))));
}

}  // namespace coppice::eval
