#include "eval/metrics_lines.h"

#include "base/text.h"
#include "eval/metrics_stream.h"

namespace coppice::eval {
namespace {

constexpr std::size_t kLongestName = 120;

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\v' || c == '\f'; }

bool IsLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// A name that nobody declared: one word.
bool IsWordName(std::string_view name) {
  if (name.empty() || name.size() > kLongestName) return false;
  if (!IsLetter(name[0]) && name[0] != '_' && name[0] != '@') return false;
  for (const char c : name) {
    if (c <= ' ' || c > '~' || c == '"' || c == '\'') return false;
  }
  return true;
}

bool IsUnitWord(std::string_view word) {
  const char c = word.front();
  const bool starts_number =
      (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
  return !starts_number && word.size() <= 16;
}

// NUMBER(\s+UNIT)?; anything longer is prose.
Reading ReadValue(std::string_view text) {
  std::size_t end = 0;
  while (end < text.size() && !IsBlank(text[end])) ++end;
  const std::string_view unit = Trim(text.substr(end));
  const bool prose = unit.find_first_of(" \t") != std::string_view::npos ||
                     (!unit.empty() && !IsUnitWord(unit));
  if (prose) return Reading{.text = OneLine(text, 60)};
  Reading reading = ReadToken(text.substr(0, end));
  if (reading.kind == Reading::Kind::kText) {
    reading.text = OneLine(text, 60);
  } else {
    reading.unit = unit;
  }
  return reading;
}

std::string_view WithoutMetricWord(std::string_view line) {
  constexpr std::string_view kWord = "METRIC";
  if (!line.starts_with(kWord) || line.size() == kWord.size() ||
      !IsBlank(line[kWord.size()])) {
    return line;
  }
  const std::string_view rest = Trim(line.substr(kWord.size()));
  return rest.empty() || rest[0] == ':' || rest[0] == '=' ? line : rest;
}

std::optional<NamedReading> SplitAt(std::string_view line, std::size_t at,
                                    const NameSet& declared) {
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view name = Trim(line.substr(0, at));
  Reading reading = ReadValue(Trim(line.substr(at + 1)));
  const bool wanted = declared.contains(name);
  if (!wanted && (!reading.IsNumber() || !IsWordName(name))) {
    return std::nullopt;
  }
  return NamedReading{std::string(name), std::move(reading)};
}

bool HasControlCharacter(std::string_view line) {
  for (const char c : line) {
    if ((static_cast<unsigned char>(c) < 0x20 && !IsBlank(c)) || c == 0x7f) {
      return true;
    }
  }
  return false;
}

}  // namespace

std::optional<NamedReading> ReadMetricLine(std::string_view line,
                                           const NameSet& declared) {
  if (FindEither(line, ':', '=') == std::string_view::npos) {
    return std::nullopt;
  }
  if (HasControlCharacter(line)) {
    const std::string clean = Sanitize(line);
    if (HasControlCharacter(clean)) return std::nullopt;
    return ReadMetricLine(clean, declared);
  }
  const std::string_view text = WithoutMetricWord(Trim(line));
  // The last sign, for names with a sign in them; the first, for words that
  // stand where a declared number should.
  if (auto found = SplitAt(text, text.find_last_of(":="), declared)) {
    return found;
  }
  return SplitAt(text, text.find_first_of(":="), declared);
}

}  // namespace coppice::eval
