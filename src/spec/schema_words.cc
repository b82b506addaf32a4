#include "spec/schema_words.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/text.h"
#include "spec/findings.h"
#include "spec/values.h"

namespace coppice::spec {
namespace {

// Keys that specs of other tools have and ours lacks, with our name for them.
constexpr std::array<std::pair<std::string_view, std::string_view>, 18>
    kForeign{{{"stability", "evaluation.repeats"},
              {"measurement", "evaluation"},
              {"evaluator", "evaluation"},
              {"eval_command", "evaluation.command"},
              {"artifact", "scope.mutable"},
              {"source", "scope.mutable"},
              {"sources", "scope.mutable"},
              {"files", "scope.mutable"},
              {"stopping", "budget"},
              {"limits", "budget"},
              {"max_iterations", "budget.max_nodes"},
              {"steps", "budget.max_nodes"},
              {"execution", "parallel"},
              {"max_concurrent", "parallel.evaluations"},
              {"tests", "checks"},
              {"constraints", "instructions"},
              {"objective", "metric"},
              {"agent", "proposers"}}};

std::string TypeInWords(std::string_view type) {
  if (type == "integer") return "a whole number";
  if (type == "number") return "a number";
  if (type == "string") return "text";
  if (type == "boolean") return "true or false";
  if (type == "array") return "a list";
  if (type == "object") return "a map";
  return std::string(type);
}

std::string NumberText(const Json& number) {
  return FormatNumber(number.get<double>());
}

std::string RangeInWords(const Json& schema) {
  const bool low = schema.contains("minimum");
  const bool high = schema.contains("maximum");
  if (low && high) {
    return fmt::format(" from {} to {}", NumberText(schema["minimum"]),
                       NumberText(schema["maximum"]));
  }
  if (low) return fmt::format(" of at least {}", NumberText(schema["minimum"]));
  if (schema.contains("exclusiveMinimum")) {
    return fmt::format(" greater than {}",
                       NumberText(schema["exclusiveMinimum"]));
  }
  return {};
}

std::string OneTypeInWords(const Json& schema, const std::string& type) {
  const bool number = type == "integer" || type == "number";
  std::string words = TypeInWords(type);
  if (number) return words + RangeInWords(schema);
  if (type != "object" || !schema.contains("required")) return words;
  std::vector<std::string> keys = schema["required"];
  return fmt::format("a map with {}", fmt::join(keys, ", "));
}

// Every key of the schema as a dotted path.
void CollectKeys(const Json& root, const Json& schema, const std::string& path,
                 std::vector<std::string>& out) {
  const Json& here = Resolved(root, schema);
  if (here.contains("anyOf")) {
    for (const Json& branch : here["anyOf"]) {
      CollectKeys(root, branch, path, out);
    }
  }
  if (here.contains("items")) {
    CollectKeys(root, here["items"], path + "[]", out);
  }
  if (!here.contains("properties")) return;
  for (const auto& [key, value] : here["properties"].items()) {
    const std::string child = path.empty() ? key : path + "." + key;
    out.push_back(child);
    CollectKeys(root, value, child, out);
  }
}

// The same key where it does belong; rather outside of lists, and near the
// root.
std::optional<std::string> Elsewhere(const Json& root, std::string_view key) {
  std::vector<std::string> paths;
  CollectKeys(root, root, "", paths);
  const std::string suffix = "." + std::string(key);
  std::erase_if(paths, [&](const std::string& path) {
    return path != key && !path.ends_with(suffix);
  });
  if (paths.empty()) return std::nullopt;
  return *std::min_element(
      paths.begin(), paths.end(),
      [](const std::string& a, const std::string& b) {
        return std::pair(a.find('[') != std::string::npos, a.size()) <
               std::pair(b.find('[') != std::string::npos, b.size());
      });
}

std::optional<std::string> Meant(const Json& root, std::string_view key,
                                 const std::vector<std::string>& known) {
  if (auto near = Nearest(key, known)) return near;
  if (auto elsewhere = Elsewhere(root, key)) return elsewhere;
  const std::string_view first = key.substr(0, key.find('.'));
  for (const auto& [foreign, ours] : kForeign) {
    if (foreign == first) return std::string(ours);
  }
  return std::nullopt;
}

// Short lists of plain values are shown whole.
std::string QuotedList(const Json& list) {
  constexpr std::size_t kMostBytes = 40;
  const std::string text = DumpCanonical(list);
  const bool plain =
      std::none_of(list.begin(), list.end(),
                   [](const Json& item) { return item.is_structured(); });
  if (!plain || text.size() > kMostBytes || LooksLikeSecret(text)) {
    return "a list";
  }
  return text;
}

}  // namespace

const Json& Resolved(const Json& root, const Json& schema) {
  const Json* here = &schema;
  for (auto ref = here->find("$ref"); ref != here->end();
       ref = here->find("$ref")) {
    const auto& target = ref->get_ref<const std::string&>();
    here = &root.at(Json::json_pointer(target.substr(1)));  // "#/..."
  }
  return *here;
}

std::string Allowed(const Json& root, const Json& schema) {
  const Json& here = Resolved(root, schema);
  if (here.contains("x-allowed")) return here["x-allowed"];
  std::vector<std::string> words;
  if (here.contains("anyOf")) {
    for (const Json& branch : here["anyOf"]) {
      words.push_back(Allowed(root, branch));
    }
  } else if (here.contains("enum")) {
    const std::vector<std::string> values = here["enum"];
    if (values.size() == 1) return values[0];
    return fmt::format("one of {}", fmt::join(values, ", "));
  } else if (here["type"].is_array()) {
    for (const Json& type : here["type"]) {
      words.push_back(OneTypeInWords(here, type));
    }
  } else {
    words.push_back(OneTypeInWords(here, here["type"]));
  }
  return fmt::format("{}", fmt::join(words, " or "));
}

std::string Quoted(const Json& value) {
  if (value.is_null()) return "empty";
  if (value.is_array()) return QuotedList(value);
  if (value.is_object()) return "a map";
  if (value.is_number_float()) return FormatNumber(value.get<double>());
  if (!value.is_string()) return value.dump();
  const auto& text = value.get_ref<const std::string&>();
  if (LooksLikeSecret(text)) return "a key";
  return fmt::format("\"{}\"", OneLine(text, 60));
}

std::string UnknownKey(const Json& root, std::string_view key,
                       std::string_view pointer,
                       const std::vector<std::string>& known) {
  std::string what = fmt::format(
      "unknown key \"{}\" in {}",
      LooksLikeSecret(key) ? "..." : OneLine(key, 60), Spoken(pointer));
  if (const std::optional<std::string> meant = Meant(root, key, known)) {
    return what + fmt::format("; did you mean \"{}\"?", *meant);
  }
  return what + fmt::format("; known are {}", fmt::join(known, ", "));
}

}  // namespace coppice::spec
