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

}  // namespace

std::string MarkerOf(const JudgeTask& task,
                     std::span<const BatchEntry> entries) {
  std::string texts = task.rubric;
  for (const BatchEntry& entry : entries) {
    texts += '\0';
    texts += entry.text;
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
  std::string rules(JudgeTemplate());
  ReplaceAll(rules, "{{marker}}", marker);
  ReplaceAll(rules, "{{fields}}", fields);
  ReplaceAll(rules, "{{low}}", FormatNumber(task.scale.low));
  ReplaceAll(rules, "{{high}}", FormatNumber(task.scale.high));
  ReplaceAll(rules, "{{rubric}}", task.rubric);
  std::string items;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    items += fmt::format("<<<item {0} {1}\n{2}\n>>>item {0} {1}\n\n", i + 1,
                         marker, entries[i].text);
  }
  items += fmt::format("Score items 1 to {}.", entries.size());
  return {{Speaker::kSystem, std::move(rules)},
          {Speaker::kUser, std::move(items)}};
}

JsonSchema AnswerSchema(const JudgeTask& task) {
  Json properties{{"item", {{"type", "integer"}}},
                  {"reason", {{"type", "string"}}},
                  {"score", {{"type", "number"}}}};
  Json required{"item", "reason", "score"};
  for (const std::string& field : task.fields) {
    properties[field] = {{"type", "number"}};
    required.push_back(field);
  }
  const Json entry{{"type", "object"},
                   {"additionalProperties", false},
                   {"required", required},
                   {"properties", properties}};
  const Json answer{
      {"type", "object"},
      {"additionalProperties", false},
      {"required", Json::array({"scores"})},
      {"properties", {{"scores", {{"type", "array"}, {"items", entry}}}}}};
  return {.name = "scores", .schema = answer.dump()};
}

std::variant<std::vector<ItemScore>, std::string> ReadScores(
    std::string_view answer, const JudgeTask& task, std::size_t entries) {
  const Json object = ObjectIn(answer);
  const auto list = object.is_object() ? object.find("scores") : object.end();
  if (!object.is_object() || list == object.end() || !list->is_array()) {
    return std::string("it holds no JSON object with a list \"scores\"");
  }
  std::vector<std::optional<ItemScore>> scores(entries);
  for (const Json& entry : *list) {
    const auto item = entry.is_object() ? entry.find("item") : entry.end();
    if (!entry.is_object() || item == entry.end() ||
        !item->is_number_integer()) {
      return std::string("an entry of \"scores\" does not name its item");
    }
    const auto number = item->get<std::int64_t>();
    if (number < 1 || number > static_cast<std::int64_t>(entries)) {
      return fmt::format("there is no item {}", number);
    }
    std::optional<ItemScore>& into =
        scores[static_cast<std::size_t>(number) - 1];
    if (into) return fmt::format("item {} is scored twice", number);
    into.emplace();
    std::vector<std::string> names = task.fields;
    names.emplace_back("score");
    for (const std::string& name : names) {
      const auto value = NumberAt(entry, name, task.scale);
      if (!value) {
        return fmt::format("\"{}\" of item {} is no number from {} to {}", name,
                           number, FormatNumber(task.scale.low),
                           FormatNumber(task.scale.high));
      }
      (name == "score" ? into->score : into->fields[name]) = *value;
    }
  }
  std::vector<ItemScore> all;
  for (std::size_t i = 0; i < entries; ++i) {
    if (!scores[i]) return fmt::format("item {} has no score", i + 1);
    all.push_back(std::move(*scores[i]));
  }
  return all;
}

}  // namespace coppice::llm
