#include "spec/overrides.h"

#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "spec/yaml_reader.h"

namespace coppice::spec {
namespace {

void KeepLiteral(Json& value, const std::string& pointer,
                 const Source& source) {
  if (!value.is_number() && !value.is_boolean()) return;
  if (auto literal = source.Literal(pointer)) value = std::move(*literal);
}

// The member `key`, if `parent` is a map that has it.
Json* Member(Json* parent, const char* key) {
  if (parent == nullptr || !parent->is_object()) return nullptr;
  const auto found = parent->find(key);
  return found == parent->end() ? nullptr : &*found;
}

void KeepKnobLiterals(Json& proposer, const std::string& pointer,
                      const Source& source) {
  Json* knobs = Member(Member(&proposer, "edits"), "knobs");
  if (knobs == nullptr || !knobs->is_array()) return;
  for (std::size_t k = 0; k < knobs->size(); ++k) {
    Json* values = Member(&(*knobs)[k], "values");
    if (values == nullptr || !values->is_array()) continue;
    const std::string at = fmt::format("{}/edits/knobs/{}/values", pointer, k);
    for (std::size_t i = 0; i < values->size(); ++i) {
      KeepLiteral((*values)[i], Child(at, i), source);
    }
  }
}

// The index that `token` is, if it is one of `list`.
std::optional<std::size_t> IndexIn(const Json& list, std::string_view token) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (token == std::to_string(i)) return i;
  }
  return std::nullopt;
}

bool IsDottedPath(std::string_view key) {
  return !key.empty() && !key.starts_with('.') && !key.ends_with('.') &&
         key.find("..") == std::string_view::npos;
}

// One step down the path; nullptr if there is no way.
Json* Step(Json& parent, std::string_view token, const Place& place,
           std::string& pointer, Source& source) {
  if (parent.is_null()) parent = Json::object();
  if (parent.is_array()) {
    const std::optional<std::size_t> index = IndexIn(parent, token);
    if (!index) return nullptr;
    pointer = Child(pointer, *index);
    return &parent[*index];
  }
  if (!parent.is_object()) return nullptr;
  pointer = Child(pointer, token);
  const std::string key(token);
  if (!parent.contains(key)) source.Set(pointer, place);
  return &parent[key];
}

void Apply(const Override& override, Json& root, Source& source,
           Findings& findings) {
  const std::string shown = OneLine(override.first, 80);
  const Place place{.line = std::numeric_limits<int>::max(),
                    .text = "--set " + shown};
  std::string pointer;
  Json* at = IsDottedPath(override.first) ? &root : nullptr;
  for (std::string_view path = override.first;;) {
    const std::size_t end = path.find('.');
    if (at != nullptr) {
      at = Step(*at, path.substr(0, end), place, pointer, source);
    }
    if (at == nullptr) {
      findings.Add(place, fmt::format("there is no key \"{}\" to set", shown));
      return;
    }
    if (end == std::string_view::npos) break;
    path.remove_prefix(end + 1);
  }
  source.Forget(pointer);
  std::optional<Json> value =
      ReadYaml({.text = override.second,
                .pointer = pointer,
                .place = [&place](int) { return place; }},
               source, findings);
  source.Set(pointer, place);
  if (value) *at = std::move(*value);
}

}  // namespace

void ExpandShorthands(Json& root, const Source& source) {
  Json* evaluation = Member(&root, "evaluation");
  if (evaluation != nullptr && evaluation->is_string()) {
    Json full = Json::object();
    full["command"] = std::move(*evaluation);
    *evaluation = std::move(full);
  }
  Json* env = Member(evaluation, "env");
  if (env != nullptr && env->is_object()) {
    for (const auto& [name, value] : env->items()) {
      KeepLiteral(value, Child("/evaluation/env", name), source);
    }
  }
  Json* proposers = Member(&root, "proposers");
  if (proposers == nullptr || !proposers->is_array()) return;
  for (std::size_t i = 0; i < proposers->size(); ++i) {
    KeepKnobLiterals((*proposers)[i], Child("/proposers", i), source);
  }
}

void ApplyOverrides(const std::vector<Override>& overrides, Json& root,
                    Source& source, Findings& findings) {
  for (const Override& override : overrides) {
    ExpandShorthands(root, source);
    Apply(override, root, source, findings);
  }
}

}  // namespace coppice::spec
