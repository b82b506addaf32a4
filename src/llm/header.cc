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
  return {name, Trim(rest)};
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

}  // namespace

std::optional<Plan> ParseHeader(std::string_view answer) {
  const std::string clean = Sanitize(answer);
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
