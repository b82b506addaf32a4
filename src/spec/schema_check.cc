#include "spec/schema_check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/text.h"
#include "base/utf8.h"
#include "spec/pattern.h"
#include "spec/schema_words.h"
#include "spec/text_rules.h"
#include "spec/values.h"

// The validator the schema is written for would do, but says "any of the
// subschemas", not which key was meant. This walk knows which alternative the
// user wrote and names the value and what is allowed; schema_judge.cc has the
// last word, and a test holds the two together.

namespace coppice::spec {
namespace {

bool IsOfType(const Json& value, std::string_view type) {
  if (type == "null") return value.is_null();
  if (type == "boolean") return value.is_boolean();
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  if (type == "string") return value.is_string();
  if (type == "array") return value.is_array();
  return value.is_object();
}

bool HasType(const Json& schema, const Json& value) {
  const Json& type = schema["type"];
  if (!type.is_array()) return IsOfType(value, std::string(type));
  return std::any_of(type.begin(), type.end(), [&](const Json& one) {
    return IsOfType(value, std::string(one));
  });
}

std::vector<std::string> KeysOf(const Json& object) {
  std::vector<std::string> keys;
  for (const auto& [key, unused] : object.items()) keys.push_back(key);
  return keys;
}

class Walk {
 public:
  Walk(const Json& root, const Source& source, Findings& findings)
      : root_(root), source_(source), findings_(findings) {}

  // `allowed` is the schema whose words tell what may stand here: the one the
  // alternatives belong to.
  void Value(const Json& schema_or_ref, const Json& value,
             const std::string& pointer, const Json* allowed = nullptr) {
    const Json& schema = Resolved(root_, schema_or_ref);
    if (allowed == nullptr) allowed = &schema;
    if (schema.contains("anyOf")) {
      Alternatives(schema, value, pointer, *allowed);
    } else if (!HasType(schema, value) || !InEnum(schema, value)) {
      Wrong(*allowed, value, pointer);
    } else if (value.is_object()) {
      Object(schema, value, pointer);
    } else if (value.is_array()) {
      Array(schema, value, pointer, *allowed);
    } else if (!Fits(schema, value)) {
      Wrong(*allowed, value, pointer);
    } else {
      Rule(schema, value, pointer, *allowed);
    }
  }

 private:
  static bool InEnum(const Json& schema, const Json& value) {
    if (!schema.contains("enum")) return true;
    const Json& values = schema["enum"];
    return std::find(values.begin(), values.end(), value) != values.end();
  }

  static bool Fits(const Json& schema, const Json& value) {
    if (value.is_number()) {
      const auto number = value.get<double>();
      return number >= schema.value("minimum", number) &&
             number <= schema.value("maximum", number) &&
             (!schema.contains("exclusiveMinimum") ||
              number > schema["exclusiveMinimum"].get<double>());
    }
    if (!value.is_string()) return true;
    const auto& text = value.get_ref<const std::string&>();
    const std::size_t length = CountCodePoints(text);
    return length >= schema.value("minLength", std::size_t{0}) &&
           length <= schema.value("maxLength", text.size()) &&
           (!schema.contains("pattern") ||
            PatternFound(schema["pattern"].get_ref<const std::string&>(),
                         text));
  }

  void Add(const std::string& pointer, std::string what) {
    findings_.Add(source_.Where(pointer), std::move(what));
  }

  void Complain(const Json& value, const std::string& pointer,
                std::string_view clause) {
    const std::optional<std::string> literal = source_.Literal(pointer);
    Add(pointer, fmt::format("{} is {}; {}", Spoken(pointer),
                             literal ? *literal : Quoted(value), clause));
  }

  void Wrong(const Json& allowed, const Json& value,
             const std::string& pointer) {
    std::string clause = "it must be " + Allowed(root_, allowed);
    if (value.is_string()) {
      const std::vector<std::string> words = Words(allowed);
      const auto near = Nearest(value.get_ref<const std::string&>(), words);
      if (near) clause += fmt::format("; did you mean \"{}\"?", *near);
    }
    Complain(value, pointer, clause);
  }

  // The words that a schema lists, in any of its alternatives.
  std::vector<std::string> Words(const Json& schema_or_ref) const {
    const Json& schema = Resolved(root_, schema_or_ref);
    if (schema.contains("enum")) return schema["enum"];
    std::vector<std::string> all;
    if (!schema.contains("anyOf")) return all;
    for (const Json& branch : schema["anyOf"]) {
      const std::vector<std::string> words = Words(branch);
      all.insert(all.end(), words.begin(), words.end());
    }
    return all;
  }

  void Rule(const Json& schema, const Json& value, const std::string& pointer,
            const Json& allowed) {
    if (!schema.contains("x-rule")) return;
    const auto& rule = schema["x-rule"].get_ref<const std::string&>();
    const std::optional<std::string> clause = BrokenRule(rule, value);
    if (!clause) return;
    if (clause->empty()) {
      Wrong(allowed, value, pointer);
    } else {
      Complain(value, pointer, *clause);
    }
  }

  void Array(const Json& schema, const Json& value, const std::string& pointer,
             const Json& allowed) {
    if (value.size() < schema.value("minItems", std::size_t{0}) ||
        value.size() > schema.value("maxItems", value.size())) {
      if (value.empty()) {
        Add(pointer, fmt::format("{} is an empty list", Spoken(pointer)));
      } else {
        Wrong(allowed, value, pointer);
      }
    }
    for (std::size_t i = 0; i < value.size(); ++i) {
      Value(schema["items"], value[i], Child(pointer, i));
    }
  }

  void Object(const Json& schema, const Json& value,
              const std::string& pointer) {
    static const Json kNone = Json::object();
    const Json& properties =
        schema.contains("properties") ? schema["properties"] : kNone;
    const auto others = schema.find("additionalProperties");  // false: none
    for (const auto& [key, part] : value.items()) {
      const std::string child = Child(pointer, key);
      if (const auto found = properties.find(key); found != properties.end()) {
        Value(*found, part, child);
      } else if (others != schema.end() && others->is_object()) {
        Value(*others, part, child);
      } else if (others != schema.end()) {
        Add(child, UnknownKey(root_, key, pointer, KeysOf(properties)));
      }
    }
    if (schema.contains("required")) {
      for (const Json& key : schema["required"]) {
        if (value.contains(key.get_ref<const std::string&>())) continue;
        Add(pointer, fmt::format("{} lacks \"{}\"", Spoken(pointer),
                                 key.get_ref<const std::string&>()));
      }
    }
    Rule(schema, value, pointer, schema);
  }

  // The alternative of a map is told by its required key, that of another
  // value by its type.
  void Alternatives(const Json& schema, const Json& value,
                    const std::string& pointer, const Json& allowed) {
    std::vector<const Json*> fitting;
    for (const Json& branch : schema["anyOf"]) {
      const Json& resolved = Resolved(root_, branch);
      if (HasType(resolved, value)) fitting.push_back(&resolved);
    }
    if (fitting.empty()) return Wrong(allowed, value, pointer);
    if (fitting.size() == 1) {
      return Value(*fitting[0], value, pointer, &allowed);
    }
    std::vector<std::string> all;
    std::vector<std::string> present;
    const Json* chosen = nullptr;
    for (const Json* branch : fitting) {
      const std::string key = branch->at("required").at(0);
      all.push_back(key);
      if (!value.contains(key)) continue;
      present.push_back(key);
      chosen = branch;
    }
    if (present.size() == 1) return Value(*chosen, value, pointer);
    Add(pointer,
        present.empty()
            ? fmt::format("{} has none of the keys {}; one is needed",
                          Spoken(pointer), fmt::join(all, ", "))
            : fmt::format("{} has the keys {} together; only one may stand "
                          "there",
                          Spoken(pointer), fmt::join(present, ", ")));
  }

  const Json& root_;
  const Source& source_;
  Findings& findings_;
};

void FindSecrets(const Json& value, const std::string& pointer,
                 const Source& source, Findings& findings) {
  const auto look_at = [&](const std::string& text, const std::string& at) {
    if (!LooksLikeSecret(text)) return;
    findings.Add(source.Where(at),
                 "this looks like an API key; a spec never holds one: put it "
                 "into an environment variable and write the variable's name "
                 "(api_key_env, pass_env)");
  };
  if (value.is_string()) {
    look_at(value.get_ref<const std::string&>(), pointer);
  } else if (value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i) {
      FindSecrets(value[i], Child(pointer, i), source, findings);
    }
  } else if (value.is_object()) {
    for (const auto& [key, part] : value.items()) {
      look_at(key, Child(pointer, key));
      FindSecrets(part, Child(pointer, key), source, findings);
    }
  }
}

}  // namespace

void CheckSchema(const Json& schema, const Json& value, const Source& source,
                 Findings& findings) {
  Walk(schema, source, findings).Value(schema, value, "");
}

void CheckSecrets(const Json& value, const Source& source, Findings& findings) {
  FindSecrets(value, "", source, findings);
}

}  // namespace coppice::spec
