#include "spec/codec_wrappers.h"

#include <nlohmann/json.hpp>
#include <string_view>

#include "spec/codec_names.h"
#include "spec/values.h"

namespace coppice::spec {
namespace {

std::string AsText(const Json& json) {
  return json.is_string() ? std::string(json) : json.dump();
}

}  // namespace

Json Auto::Write() const { return value ? Json(*value) : Json("auto"); }

void Auto::Read(const Json& json) const {
  value.reset();
  if (json.is_number()) value = json.get<int>();
}

Json PathText::Write() const { return value; }

void PathText::Read(const Json& json) const {
  value = NormalPath(std::string(json));
}

Json PathList::Write() const { return value; }

void PathList::Read(const Json& json) const {
  value.clear();
  for (const Json& path : json) value.push_back(NormalPath(std::string(path)));
}

Json Manifests::Write() const { return value ? Json(*value) : Json("auto"); }

void Manifests::Read(const Json& json) const {
  value.reset();
  if (json.is_array()) PathList{value.emplace()}.Read(json);
}

Json Extensions::Write() const { return value; }

void Extensions::Read(const Json& json) const {
  value.clear();
  for (const Json& item : json) {
    std::string type = item;
    if (type.starts_with('*')) type.erase(0, 1);
    value.push_back(type.starts_with('.') ? type : "." + type);
  }
}

Json OneOrMore::Write() const {
  return value.size() == 1 ? Json(value.front()) : Json(value);
}

void OneOrMore::Read(const Json& json) const {
  value = json.is_string() ? std::vector<std::string>{std::string(json)}
                           : json.get<std::vector<std::string>>();
}

Json Texts::Write() const { return value; }

void Texts::Read(const Json& json) const {
  value.clear();
  for (const Json& item : json) value.push_back(AsText(item));
}

Json TextMap::Write() const { return value; }

void TextMap::Read(const Json& json) const {
  value.clear();
  for (const auto& [key, item] : json.items()) value[key] = AsText(item);
}

Json CheckText::Write() const { return text; }

void CheckText::Read(const Json& json) const {
  text = json;
  const auto parsed = ParseComparison(text);
  if (!parsed) return;
  comparison = parsed->comparison;
  bound = parsed->bound;
}

Json Regression::Write() const {
  if (!guard.relative) return guard.max_regression;
  return FormatPercentage(guard.max_regression);
}

void Regression::Read(const Json& json) const {
  guard.relative = json.is_string();
  guard.max_regression = guard.relative
                             ? ParsePercentage(std::string(json)).value_or(0)
                             : json.get<double>();
}

Json Improvement::Write() const {
  switch (least.kind) {
    case MinImprovement::Kind::kAuto:
      return "auto";
    case MinImprovement::Kind::kAbsolute:
      return least.value;
    case MinImprovement::Kind::kRelative:
      break;
  }
  return FormatPercentage(least.value);
}

void Improvement::Read(const Json& json) const {
  using Kind = MinImprovement::Kind;
  if (json.is_number()) {
    least = {.kind = Kind::kAbsolute, .value = json};
  } else if (const auto share = ParsePercentage(std::string(json))) {
    least = {.kind = Kind::kRelative, .value = *share};
  } else {
    least = {};
  }
}

Json Output::Write() const {
  if (evaluation.output == OutputFormat::kRegex) {
    return {{"regex", evaluation.output_regex}};
  }
  if (evaluation.output == OutputFormat::kTree) {
    return {{"file", evaluation.output_glob}};
  }
  return NameOf(evaluation.output);
}

void Output::Read(const Json& json) const {
  if (json.contains("file")) {
    evaluation.output = OutputFormat::kTree;
    evaluation.output_glob = json["file"];
  } else if (json.is_object()) {
    evaluation.output = OutputFormat::kRegex;
    evaluation.output_regex = json["regex"];
  } else {
    evaluation.output = ValueOf<OutputFormat>(std::string(json));
  }
}

Json Choice::Write() const { return value ? if_true : if_false; }

void Choice::Read(const Json& json) const { value = json == if_true; }

}  // namespace coppice::spec
