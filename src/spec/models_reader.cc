#include "spec/models_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "spec/models_fields.h"
#include "spec/yaml_reader.h"

// as_of, then the providers in the order in which a default is looked for. A
// model's section is read over a copy of its provider's.

namespace coppice::spec {
namespace {

// JSON sorts keys; the order of the text comes back from the lines.
std::vector<std::string> KeysAsWritten(const Json& map,
                                       const std::string& pointer,
                                       const Source& source) {
  std::vector<std::pair<int, std::string>> keys;
  for (const auto& [key, value] : map.items()) {
    keys.emplace_back(source.Where(Child(pointer, key)).line, key);
  }
  std::ranges::sort(keys);
  std::vector<std::string> names;
  for (auto& [line, key] : keys) names.push_back(std::move(key));
  return names;
}

std::vector<std::string> With(std::vector<std::string> keys,
                              std::initializer_list<const char*> more) {
  keys.insert(keys.end(), more.begin(), more.end());
  return keys;
}

}  // namespace

Result<ModelTable> ModelTableReader::Read() {
  const auto place = [this](int line) {
    return Place{.line = line, .text = fmt::format("{}:{}", name_, line)};
  };
  source_.Set("", place(1));
  const std::optional<Json> root = ReadYaml(
      {.text = yaml_, .pointer = "", .place = place}, source_, findings_);
  if (root) ReadRoot(*root);
  if (!findings_.empty()) return findings_.ToError();
  return Result<ModelTable>(boost::system::in_place_value, std::move(table_));
}

void ModelTableReader::ReadRoot(const Json& root) {
  const Written top{root, "", source_, findings_};
  if (!root.is_object() || !root.contains("as_of") ||
      !root.contains("providers")) {
    findings_.Add(source_.Where(""), "as_of and providers must be there");
    return;
  }
  for (const auto& [key, value] : root.items()) {
    if (key != "as_of" && key != "providers") {
      findings_.Add(source_.Where(Child("", key)),
                    fmt::format("unknown key \"{}\"", key));
    }
  }
  as_of_ = top.At("as_of").Date().value_or("");
  const Written providers = top.At("providers");
  if (!providers.IsMap()) return;
  for (const std::string& name :
       KeysAsWritten(providers.value, providers.pointer, source_)) {
    ReadProvider(name, providers.value[name]);
  }
}

void ModelTableReader::ReadProvider(const std::string& name,
                                    const Json& section) {
  const Written at{section, Child("/providers", name), source_, findings_};
  if (!at.IsMap()) return;
  if (!section.contains("codec") || !section.contains("base_url")) {
    at.Wrong("a map with codec and base_url");
  }
  const std::string file_as_of = as_of_;
  if (section.contains("as_of")) as_of_ = at.At("as_of").Date().value_or("");
  ModelProfile profile{.provider = name,
                       .max_tokens_field = "max_tokens",
                       .system_role = "system"};
  for (const auto& [key, value] : section.items()) {
    if (key == "models" || key == "as_of") continue;
    if (SetProfileKey(key, at.At(key), profile)) continue;
    UnknownKey(at, key, With(ProfileKeys(), {"models", "as_of"}));
  }
  table_.providers_[name] = profile;
  if (section.contains("models") && at.At("models").IsMap()) {
    const Written models = at.At("models");
    for (const std::string& model :
         KeysAsWritten(models.value, models.pointer, source_)) {
      ReadModel(profile, model, models.value[model],
                Child(models.pointer, model));
    }
  }
  as_of_ = file_as_of;
}

void ModelTableReader::ReadModel(const ModelProfile& provider,
                                 const std::string& model, const Json& section,
                                 const std::string& pointer) {
  const Written at{section, pointer, source_, findings_};
  if (!at.IsMap()) return;
  ModelProfile profile = provider;
  profile.model = model;
  std::string as_of = as_of_;
  for (const auto& [key, value] : section.items()) {
    const Written written = at.At(key);
    if (key == "price") {
      profile.price = ReadPrice(written);
    } else if (key == "as_of") {
      as_of = written.Date().value_or("");
    } else if (key == "default") {
      if (written.Flag().value_or(false)) TakeDefault(profile, written.pointer);
    } else if (!SetProfileKey(key, written, profile)) {
      UnknownKey(at, key, With(ProfileKeys(), {"price", "as_of", "default"}));
    }
  }
  if (profile.price) profile.price->source = fmt::format("{} {}", name_, as_of);
  table_.models_[provider.provider + '/' + model] = std::move(profile);
}

void ModelTableReader::TakeDefault(const ModelProfile& model,
                                   const std::string& pointer) {
  std::vector<ModelTable::Default>& defaults = table_.defaults_;
  if (!defaults.empty() && defaults.back().provider == model.provider) {
    findings_.Add(source_.Where(pointer),
                  fmt::format("{} has a default already: {}", model.provider,
                              defaults.back().model));
    return;
  }
  defaults.push_back({.provider = model.provider,
                      .key_variables = model.key_variables,
                      .model = model.provider + '/' + model.model});
}

}  // namespace coppice::spec
