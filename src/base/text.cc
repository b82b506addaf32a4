#include "base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "base/utf8.h"

// Sanitize reads its input once, code point by code point. Escape sequences
// are skipped as a terminal would take them (ECMA-48): CSI up to its final
// byte, the strings OSC, DCS, SOS, PM and APC up to BEL or ST, others up to
// their final byte. A string that never ends is taken to end with its line,
// so that one stray escape cannot hide the rest of a log.

namespace coppice {
namespace {

constexpr char kEscape = '\x1b';
constexpr char32_t kC1Csi = 0x9b;

bool In(char c, char low, char high) { return c >= low && c <= high; }

// Past the parameters and the final byte of a control sequence.
std::size_t SkipCsi(std::string_view text, std::size_t at) {
  while (at < text.size() && In(text[at], 0x20, 0x3f)) ++at;
  if (at < text.size() && In(text[at], 0x40, 0x7e)) ++at;
  return at;
}

std::size_t SkipString(std::string_view text, std::size_t at) {
  for (; at < text.size() && text[at] != '\n'; ++at) {
    if (text[at] == '\a') return at + 1;
    if (text[at] == kEscape) {
      return at + (text.substr(at + 1, 1) == "\\" ? 2 : 0);
    }
  }
  return at;
}

// `at` stands behind an escape character.
std::size_t SkipEscape(std::string_view text, std::size_t at) {
  if (at == text.size()) return at;
  switch (text[at]) {
    case '[':
      return SkipCsi(text, at + 1);
    case ']':
    case 'P':
    case 'X':
    case '^':
    case '_':
      return SkipString(text, at + 1);
    default:
      break;
  }
  while (at < text.size() && In(text[at], 0x20, 0x2f)) ++at;
  if (at < text.size() && In(text[at], 0x30, 0x7e)) ++at;
  return at;
}

bool IsControl(char32_t c) { return c < 0x20 || (c >= 0x7f && c < 0xa0); }

bool IsBlank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' ||
         c == '\v';
}

// The end of a head of at most `limit` bytes: after the last newline if that
// costs no more than half of it, else between two code points.
std::size_t HeadEnd(std::string_view text, std::size_t limit) {
  const std::size_t newline = text.substr(0, limit).rfind('\n');
  if (newline != std::string_view::npos && newline >= limit / 2) {
    return newline + 1;
  }
  while (limit > 0 && IsContinuationByte(text[limit])) --limit;
  return limit;
}

std::size_t TailBegin(std::string_view text, std::size_t limit) {
  std::size_t begin = text.size() - limit;
  const std::size_t newline = text.find('\n', begin);
  if (newline != std::string_view::npos && newline < begin + limit / 2) {
    return newline + 1;
  }
  while (begin < text.size() && IsContinuationByte(text[begin])) ++begin;
  return begin;
}

// Appends the words of one line, breaking before the word that would not fit.
void WrapLine(std::string_view line, std::size_t width, std::string& out) {
  std::size_t used = 0;
  for (std::size_t at = 0; at < line.size();) {
    const std::size_t begin = line.find_first_not_of(' ', at);
    if (begin == std::string_view::npos) return;
    at = std::min(line.find(' ', begin), line.size());
    const std::string_view word = line.substr(begin, at - begin);
    const std::size_t length = CountCodePoints(word);
    if (used > 0 && used + 1 + length > width) {
      out += '\n';
      used = 0;
    } else if (used > 0) {
      out += ' ';
      ++used;
    }
    out += word;
    used += length;
  }
}

// Printable ASCII with newlines and tabs: what most texts are, and clean.
bool IsPlain(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return (c >= ' ' && c <= '~') || c == '\n' || c == '\t';
  });
}

}  // namespace

std::string Sanitize(std::string_view raw) {
  if (IsPlain(raw)) return std::string(raw);
  std::string out;
  out.reserve(raw.size());
  std::size_t line_start = 0;
  bool returned = false;  // a '\r' waits for text that overwrites the line
  for (std::size_t at = 0; at < raw.size();) {
    const char byte = raw[at];
    if (byte == kEscape) {
      at = SkipEscape(raw, at + 1);
      continue;
    }
    const char32_t c = DecodeUtf8(raw, at).value_or(kReplacementCharacter);
    if (c == '\r') {
      returned = true;
    } else if (c == '\n') {
      out += '\n';
      line_start = out.size();
      returned = false;
    } else if (c == kC1Csi) {
      at = SkipCsi(raw, at);
    } else if (c == '\t' || !IsControl(c)) {
      if (returned) out.resize(line_start);
      returned = false;
      AppendUtf8(c, out);
    }
  }
  return out;
}

std::string OneLine(std::string_view text, std::size_t width) {
  std::string line = Sanitize(text);
  std::replace_if(
      line.begin(), line.end(), [](char c) { return IsBlank(c); }, ' ');
  line = std::string(Trim(line));
  if (CountCodePoints(line) <= width) return line;
  const std::size_t dots = std::min<std::size_t>(width, 3);
  line.resize(OffsetOfCodePoint(line, width - dots));
  return line.append(dots, '.');
}

std::string HeadAndTail(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return std::string(text);
  constexpr std::size_t kMarkRoom = 48;
  const std::size_t room = limit > kMarkRoom ? limit - kMarkRoom : 0;
  const std::size_t head = HeadEnd(text, room / 2);
  const std::size_t tail = TailBegin(text, room - room / 2);
  std::string out(text.substr(0, head));
  if (head > 0 && out.back() != '\n') out += '\n';
  out += fmt::format("[... {} bytes left out ...]\n", tail - head);
  out += text.substr(tail);
  return out;
}

std::string LastLines(std::string_view text, std::size_t count) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (count == 0) return {};
  std::size_t begin = text.size();
  for (; count > 0; --count) {
    if (begin == 0) return std::string(text);
    begin = text.rfind('\n', begin - 1);
    if (begin == std::string_view::npos) return std::string(text);
  }
  return std::string(text.substr(begin + 1));
}

std::vector<std::string_view> SplitLines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && IsBlank(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsBlank(text.back())) text.remove_suffix(1);
  return text;
}

std::string Wrap(std::string_view text, std::size_t width) {
  std::string out;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    WrapLine(text.substr(at, end - at), width, out);
    if (end < text.size()) out += '\n';
    at = end + 1;
  }
  return out;
}

bool IsSafeRelativePath(std::string_view path) {
  if (path.find('\0') != std::string_view::npos) return false;
  for (std::size_t at = 0; at <= path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string_view part = path.substr(at, end - at);
    if (part.empty() || part == "." || part == "..") return false;
    at = end + 1;
  }
  return true;
}

std::string ShellQuote(std::string_view word) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
      "_@%+=:,./-";
  if (!word.empty() &&
      word.find_first_not_of(kPlain) == std::string_view::npos) {
    return std::string(word);
  }
  std::string out = "'";
  for (char c : word) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out += '\'';
}

}  // namespace coppice
