#include "llm/header.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <string>
#include <utility>

#include "base/text.h"

namespace coppice::llm {
namespace {

constexpr std::string_view kCategories[] = {
    "algorithm", "data-structure", "memory", "io",   "parallelism", "compiler",
    "caching",   "parameters",     "prompt", "data", "other"};

enum class Field {
  kIdea,
  kCategory,
  kBottleneck,
  kAlternatives,
  kExpect,
  kRisk,
  kNeeds,
  kLesson,
};

struct Known {
  std::string_view name;
  Field field;
  std::size_t cap;  // characters
};

constexpr std::array kKnown = {
    Known{"IDEA", Field::kIdea, 120},
    Known{"CATEGORY", Field::kCategory, 40},
    Known{"BOTTLENECK", Field::kBottleneck, 400},
    Known{"ALTERNATIVES", Field::kAlternatives, 1200},
    Known{"EXPECT", Field::kExpect, 80},
    Known{"RISK", Field::kRisk, 400},
    Known{"NEEDS", Field::kNeeds, 200},
    Known{"LESSON", Field::kLesson, 400},
};

struct Line {
  std::string_view name;  // empty: not a field
  std::string_view text;
};

// "**IDEA:** text", "- IDEA: text" and "IDEA: text" are the same.
Line ReadLine(std::string_view line) {
  static constexpr std::string_view kMarks = "*#-> \t";
  const std::size_t begin = line.find_first_not_of(kMarks);
  if (begin == std::string_view::npos) return {};
  std::size_t end = begin;
  while (end < line.size() &&
         ((line[end] >= 'A' && line[end] <= 'Z') || line[end] == '_'))
    ++end;
  std::string_view rest = line.substr(end);
  const std::string_view name = line.substr(begin, end - begin);
  if (rest.starts_with("**")) rest.remove_prefix(2);
  if (name.size() < 2 || !rest.starts_with(':')) return {};
  rest.remove_prefix(1);
  if (rest.starts_with("**")) rest.remove_prefix(2);
  rest = Trim(rest);
  // "**IDEA: text**": the mark that the line began with.
  if (line.substr(0, begin).ends_with("**") && rest.ends_with("**")) {
    rest = Trim(rest.substr(0, rest.size() - 2));
  }
  return {name, rest};
}

const Known* Find(std::string_view name) {
  const auto found = std::ranges::find(kKnown, name, &Known::name);
  return found == kKnown.end() ? nullptr : &*found;
}

// At most `cap` characters of it, all its lines.
std::string Cut(std::string_view text, std::size_t cap) {
  std::size_t characters = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool begins = (static_cast<unsigned char>(text[i]) & 0xc0) != 0x80;
    if (begins && ++characters > cap) return std::string(text.substr(0, i));
  }
  return std::string(text);
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return lower;
}

std::string Category(std::string_view text) {
  std::string word = Lower(text.substr(0, text.find_first_of(" ,;./(\n")));
  const bool known =
      std::ranges::find(kCategories, word) != std::end(kCategories);
  return known ? word : "other";
}

// The first word of each item: "fmt >= 9, zlib (for crc)" is fmt and zlib.
std::vector<std::string> Needs(std::string_view text) {
  static constexpr std::string_view kNothing[] = {"", "none", "no", "n/a", "-"};
  std::vector<std::string> needs;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(",;\n"), text.size());
    std::string_view item = Trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t begin = item.find_first_not_of("-*`'\" ");
    if (begin == std::string_view::npos) continue;
    item.remove_prefix(begin);
    item = item.substr(0, item.find_first_of(" `'\"(<>="));
    if (item.ends_with('.')) item.remove_suffix(1);
    const bool nothing =
        std::ranges::find(kNothing, Lower(item)) != std::end(kNothing);
    if (!nothing && std::ranges::find(needs, item) == needs.end())
      needs.emplace_back(item);
  }
  return needs;
}

std::string FirstLines(std::string_view text, int count) {
  std::size_t end = 0;
  for (int i = 0; i < count && end < text.size(); ++i)
    end = std::min(text.find('\n', end), text.size() - 1) + 1;
  return std::string(Trim(text.substr(0, end)));
}

void Set(const Known& known, std::string_view raw, Plan& plan) {
  const std::string text = Cut(Trim(raw), known.cap);
  switch (known.field) {
    case Field::kIdea:
      plan.idea = OneLine(text, known.cap);
      break;
    case Field::kCategory:
      plan.category = Category(text);
      break;
    case Field::kBottleneck:
      plan.bottleneck = text;
      break;
    case Field::kAlternatives:
      plan.alternatives = text;
      break;
    case Field::kExpect:
      plan.expect = OneLine(text, known.cap);
      break;
    case Field::kRisk:
      plan.risk = text;
      break;
    case Field::kNeeds:
      plan.needs = Needs(text);
      break;
    case Field::kLesson:
      plan.lesson = FirstLines(text, 3);
      break;
  }
}

// Where a line that holds `mark` alone begins, from `from` on.
std::size_t FindAlone(std::string_view text, std::string_view mark,
                      std::size_t from) {
  std::size_t at = text.find(mark, from);
  for (; at != std::string_view::npos; at = text.find(mark, at + 1)) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const bool begins = at == 0 || text[at - 1] == '\n';
    if (begins && Trim(text.substr(at, end - at)) == mark) return at;
  }
  return at;
}

bool HoldsIdea(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    if (HeaderField(text.substr(at, end - at)) == "IDEA") return true;
    at = end + 1;
  }
  return false;
}

}  // namespace

std::string_view HeaderField(std::string_view line) {
  const Line read = ReadLine(line);
  const Known* known = read.name.empty() ? nullptr : Find(read.name);
  return known == nullptr ? std::string_view() : known->name;
}

std::string_view SkipThinking(std::string_view answer) {
  const std::string_view trimmed = Trim(answer);
  for (std::string_view name : {"think", "thinking"}) {
    const std::string open = "<" + std::string(name) + ">";
    if (!trimmed.starts_with(open)) continue;
    const std::string close = "</" + std::string(name) + ">";
    const std::size_t end = trimmed.find(close);
    if (end == std::string_view::npos) return {};
    return trimmed.substr(end + close.size());
  }
  static constexpr std::string_view kClose = "</think>";
  const std::size_t end = FindAlone(answer, kClose, 0);
  if (end == std::string_view::npos) return answer;
  const std::string_view behind = answer.substr(end + kClose.size());
  return HoldsIdea(answer.substr(0, end)) || !HoldsIdea(behind) ? answer
                                                                : behind;
}

std::optional<Plan> ParseHeader(std::string_view answer) {
  const std::string clean = Sanitize(SkipThinking(answer));
  Plan plan;
  std::vector<const Known*> seen;
  const Known* open = nullptr;  // the field that plain lines belong to
  std::string text;
  auto close = [&] {
    if (open && std::ranges::find(seen, open) == seen.end()) {
      Set(*open, text, plan);
      seen.push_back(open);
    }
    open = nullptr;
    text.clear();
  };
  bool begun = false, blank = false;
  for (std::string_view line : SplitLines(clean)) {
    const Line read = ReadLine(line);
    if (!read.name.empty()) {
      close();
      open = Find(read.name);
      begun |= open != nullptr;
      text = read.text;
      blank = false;
    } else if (Trim(line).empty()) {
      blank = true;
    } else if (begun && blank) {
      break;
    } else if (open) {
      text += '\n';
      text += line;
    }
  }
  close();
  if (!begun) return std::nullopt;
  return plan;
}

}  // namespace coppice::llm
