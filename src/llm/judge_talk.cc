#include "llm/judge_talk.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/digest.h"
#include "base/json.h"
#include "base/text.h"

namespace coppice::llm {
namespace {

constexpr std::size_t kMarkerDigits = 32;

void ReplaceAll(std::string& text, std::string_view mark,
                std::string_view with) {
  for (std::size_t at = text.find(mark); at != std::string::npos;
       at = text.find(mark, at + with.size())) {
    text.replace(at, mark.size(), with);
  }
}

// The object in an answer that may have a fence or a sentence around it.
Json ObjectIn(std::string_view answer) {
  const std::size_t begin = answer.find('{');
  const std::size_t end = answer.rfind('}');
  if (begin == std::string_view::npos || end == std::string_view::npos ||
      end < begin) {
    return Json();
  }
  return Json::parse(answer.substr(begin, end - begin + 1), nullptr, false);
}

// A number of the scale, or nothing.
std::optional<double> NumberAt(const Json& entry, const std::string& key,
                               const spec::JudgeScale& scale) {
  const auto found = entry.find(key);
  if (found == entry.end() || !found->is_number()) return std::nullopt;
  const double number = found->get<double>();
  if (!(number >= scale.low && number <= scale.high)) return std::nullopt;
  return number;
}

// What the two kinds of question call their entries.
struct Wording {
  const char* list;
  const char* number;
};
Wording Words(const JudgeTask& task) {
  return task.pairs ? Wording{"pairs", "pair"} : Wording{"scores", "item"};
}

std::string Fenced(const std::string& name, const std::string& marker,
                   const std::string& text) {
  return fmt::format("<<<{0} {1}\n{2}\n>>>{0} {1}\n\n", name, marker, text);
}

// Each of these two reads one entry of an answer; or says what is wrong.
std::string ReadNumbers(const Json& entry, const JudgeTask& task,
                        ItemScore& into) {
  std::vector<std::string> names = task.fields;
  names.emplace_back("score");
  for (const std::string& name : names) {
    const auto value = NumberAt(entry, name, task.scale);
    if (!value) {
      return fmt::format("\"{}\" is no number from {} to {}", name,
                         FormatNumber(task.scale.low),
                         FormatNumber(task.scale.high));
    }
    if (name == "score") {
      into.score = *value;
    } else {
      into.fields[name] = *value;
    }
  }
  return {};
}

std::string ReadPair(const Json& entry, const BatchEntry& pair,
                     ItemScore& into) {
  const Json winner = entry.value("winner", Json());
  if (winner != "A" && winner != "B" && winner != "tie") {
    return "\"winner\" is none of A, B and tie";
  }
  const bool text_wins = winner == (pair.against_first ? "B" : "A");
  into.score = winner == "tie" ? kTie : text_wins ? kWin : kLoss;
  return {};
}

}  // namespace

std::string MarkerOf(const JudgeTask& task,
                     std::span<const BatchEntry> entries) {
  std::string texts = task.rubric;
  for (const BatchEntry& entry : entries) {
    texts += '\0';
    texts += entry.text;
    texts += '\0';
    texts += entry.against;
  }
  // No text holds the digest of itself; should one hold its beginning, the
  // next digest is taken.
  std::string marker;
  do {
    marker = Sha256Hex(texts + marker).substr(0, kMarkerDigits);
  } while (texts.find(marker) != std::string::npos);
  return marker;
}

std::vector<Utterance> JudgePrompt(const JudgeTask& task,
                                   std::span<const BatchEntry> entries) {
  const std::string marker = MarkerOf(task, entries);
  std::string fields;
  for (const std::string& field : task.fields) {
    fields += fmt::format(", \"{}\": S", field);
  }
  // The rubric last: what it says is not filled in again.
  std::string rules(task.pairs ? PairsTemplate() : JudgeTemplate());
  ReplaceAll(rules, "{{marker}}", marker);
  ReplaceAll(rules, "{{fields}}", fields);
  ReplaceAll(rules, "{{low}}", FormatNumber(task.scale.low));
  ReplaceAll(rules, "{{high}}", FormatNumber(task.scale.high));
  ReplaceAll(rules, "{{rubric}}", task.rubric);
  std::string items;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const BatchEntry& entry = entries[i];
    if (!task.pairs) {
      items += Fenced(fmt::format("item {}", i + 1), marker, entry.text);
      continue;
    }
    const bool swap = entry.against_first;
    items += Fenced(fmt::format("pair {} A", i + 1), marker,
                    swap ? entry.against : entry.text);
    items += Fenced(fmt::format("pair {} B", i + 1), marker,
                    swap ? entry.text : entry.against);
  }
  items += fmt::format("{} {}s 1 to {}.", task.pairs ? "Compare" : "Score",
                       Words(task).number, entries.size());
  return {{Speaker::kSystem, std::move(rules)},
          {Speaker::kUser, std::move(items)}};
}

JsonSchema AnswerSchema(const JudgeTask& task) {
  Json properties{{"reason", {{"type", "string"}}},
                  {Words(task).number, {{"type", "integer"}}}};
  if (task.pairs) {
    properties["winner"] = {{"type", "string"}, {"enum", {"A", "B", "tie"}}};
  } else {
    properties["score"] = {{"type", "number"}};
    for (const std::string& field : task.fields) {
      properties[field] = {{"type", "number"}};
    }
  }
  Json required = Json::array();
  for (const auto& [name, unused] : properties.items()) {
    required.push_back(name);
  }
  const Json entry{{"type", "object"},
                   {"additionalProperties", false},
                   {"required", required},
                   {"properties", properties}};
  const Json answer{
      {"type", "object"},
      {"additionalProperties", false},
      {"required", Json::array({Words(task).list})},
      {"properties",
       {{Words(task).list, {{"type", "array"}, {"items", entry}}}}}};
  return {.name = Words(task).list, .schema = answer.dump()};
}

std::variant<std::vector<ItemScore>, std::string> ReadScores(
    std::string_view answer, const JudgeTask& task,
    std::span<const BatchEntry> entries) {
  const auto [list_name, number_name] = Words(task);
  const Json object = ObjectIn(answer);
  const auto list = object.is_object() ? object.find(list_name) : object.end();
  if (!object.is_object() || list == object.end() || !list->is_array()) {
    return fmt::format("it holds no JSON object with a list \"{}\"", list_name);
  }
  std::vector<std::optional<ItemScore>> scores(entries.size());
  for (const Json& entry : *list) {
    const auto item = entry.is_object() ? entry.find(number_name) : entry.end();
    if (!entry.is_object() || item == entry.end() ||
        !item->is_number_integer()) {
      return fmt::format("an entry of \"{}\" does not name its {}", list_name,
                         number_name);
    }
    const auto number = item->get<std::int64_t>();
    if (number < 1 || number > static_cast<std::int64_t>(entries.size())) {
      return fmt::format("there is no {} {}", number_name, number);
    }
    const std::size_t at = static_cast<std::size_t>(number) - 1;
    if (scores[at]) {
      return fmt::format("{} {} is judged twice", number_name, number);
    }
    scores[at].emplace();
    const std::string wrong = task.pairs
                                  ? ReadPair(entry, entries[at], *scores[at])
                                  : ReadNumbers(entry, task, *scores[at]);
    if (!wrong.empty()) {
      return fmt::format("{} {}: {}", number_name, number, wrong);
    }
  }
  std::vector<ItemScore> all;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (!scores[i]) return fmt::format("{} {} is missing", number_name, i + 1);
    all.push_back(std::move(*scores[i]));
  }
  return all;
}

}  // namespace coppice::llm
