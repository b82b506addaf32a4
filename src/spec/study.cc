#include "spec/study.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "spec/findings.h"
#include "spec/schema_check.h"
#include "spec/study_rules.h"
#include "spec/yaml_reader.h"

// text -> JSON (places remembered) -> schema -> Study -> rules, like a spec. An
// arm's keys stand flat in the file; the schema of each is that of the same key
// in the spec's schema, to which the file's schema refers.

namespace coppice::spec {
namespace {

constexpr std::string_view kSpecSchema = "coppice.schema.json#/";
constexpr std::string_view kThings[] = {"split", "parallel", "proposers",
                                        "prompt"};

// The keys of an arm and the section of the spec where each belongs.
std::map<std::string, std::string> Sections(const Json& spec_schema) {
  std::map<std::string, std::string> sections;
  for (const char* section : {"search", "proposal", "parallel"}) {
    const Json& keys = spec_schema["properties"][section]["properties"];
    for (const auto& [key, unused] : keys.items()) sections[key] = section;
  }
  return sections;
}

// References into the spec's schema made references into this one.
void Inline(Json& schema) {
  if (schema.is_array()) {
    for (Json& item : schema) Inline(item);
  }
  if (!schema.is_object()) return;
  for (auto& [key, value] : schema.items()) {
    if (key == "$ref") {
      const auto& target = value.get_ref<const std::string&>();
      if (target.starts_with(kSpecSchema)) {
        value = "#/spec/" + target.substr(kSpecSchema.size());
      }
    } else {
      Inline(value);
    }
  }
}

Json WholeSchema(const Json& spec_schema) {
  Json schema = Json::parse(StudySchemaText());
  Inline(schema);
  schema["definitions"] = spec_schema["definitions"];
  schema["spec"] = spec_schema;
  return schema;
}

// What an arm must not have of its own, said before it counts as unknown.
void RefuseOwnBudget(const Json& root, const Source& source,
                     Findings& findings) {
  const Json* arms =
      root.is_object() && root.contains("arms") ? &root["arms"] : nullptr;
  if (arms == nullptr || !arms->is_array()) return;
  static const std::set<std::string> kBudget{"budget",
                                             "total",
                                             "max_nodes",
                                             "max_hours",
                                             "max_evaluation_hours",
                                             "max_cost_usd",
                                             "max_tokens",
                                             "plateau_nodes",
                                             "stop_at_target"};
  for (std::size_t i = 0; i < arms->size(); ++i) {
    if (!(*arms)[i].is_object()) continue;
    for (const auto& [key, unused] : (*arms)[i].items()) {
      const Place place =
          source.Where(Child(Child("/arms", i), std::string_view(key)));
      if (kBudget.contains(key)) {
        findings.Add(place,
                     fmt::format("an arm has no budget of its own (\"{}\"): "
                                 "arms with unequal budgets cannot be "
                                 "compared; `total` is what each search gets",
                                 key));
      } else if (key == "seed") {
        findings.Add(place,
                     "an arm has no seed of its own: arms are compared on "
                     "equal seeds; `seeds` says how many");
      }
    }
  }
}

Equalize EqualizeOf(const Json& root) {
  const std::string word = root.value("equalize", "nodes");
  for (Equalize resource :
       {Equalize::kCost, Equalize::kTokens, Equalize::kHours}) {
    if (Name(resource) == word) return resource;
  }
  return Equalize::kNodes;
}

std::set<Thing> VaryOf(const Json& root) {
  if (!root.contains("vary")) return {Thing::kSplit};
  const Json& vary = root["vary"];
  std::set<Thing> things;
  for (Thing thing :
       {Thing::kSplit, Thing::kParallel, Thing::kProposers, Thing::kPrompt}) {
    const bool said = vary.is_array() ? std::find(vary.begin(), vary.end(),
                                                  Name(thing)) != vary.end()
                                      : vary == Name(thing);
    if (said) things.insert(thing);
  }
  return things;
}

StudyArm ArmOf(const Json& arm,
               const std::map<std::string, std::string>& sections) {
  StudyArm made;
  made.name = arm["name"];
  for (const auto& [key, value] : arm.items()) {
    if (key == "name") continue;
    if (key == "model") {
      made.keys["proposers"] = DumpCanonical(Json::array({{{"model", value}}}));
    } else if (key == "proposers") {
      made.keys["proposers"] = DumpCanonical(value);
    } else {
      made.keys[sections.at(key) + "." + key] = DumpCanonical(value);
    }
  }
  return made;
}

Study StudyOf(const Json& root, const Source& source,
              const std::map<std::string, std::string>& sections) {
  Study study;
  study.name = root["name"];
  study.spec = root["spec"];
  study.equalize = EqualizeOf(root);
  study.total = root["total"];
  study.vary = VaryOf(root);
  study.seeds = root.value("seeds", study.seeds);
  study.remeasure = root.value("remeasure", study.remeasure);
  if (root.contains("max_cost_usd") && !root["max_cost_usd"].is_null()) {
    study.max_cost_usd = root["max_cost_usd"];
  }
  study.where[""] = source.Where("").text;
  for (const auto& [key, unused] : root.items()) {
    study.where[key] = source.Where(Child("", key)).text;
  }
  for (std::size_t i = 0; i < root["arms"].size(); ++i) {
    study.arms.push_back(ArmOf(root["arms"][i], sections));
    study.arms.back().where = source.Where(Child("/arms", i)).text;
  }
  return study;
}

}  // namespace

std::string_view Name(Equalize resource) {
  constexpr std::string_view kNames[] = {"nodes", "cost", "tokens", "hours"};
  return kNames[static_cast<int>(resource)];
}

std::string_view UnitOf(Equalize resource) {
  return resource == Equalize::kCost ? "USD" : Name(resource);
}

std::string_view Name(Thing thing) { return kThings[static_cast<int>(thing)]; }

const std::string& Study::Where(const std::string& key) const {
  auto found = where.find(key);
  return found == where.end() ? where.at("") : found->second;
}

Result<Study> ParseStudy(std::string_view text, std::string_view name) {
  Source source;
  Findings findings;
  const auto place = [name](int line) {
    return Place{.line = line, .text = fmt::format("{}:{}", name, line)};
  };
  source.Set("", place(1));
  std::optional<Json> root =
      ReadYaml({.text = text, .pointer = "", .place = place}, source, findings);
  if (!root) return findings.ToError();
  const Json spec_schema = Json::parse(SchemaText());
  CheckSecrets(*root, source, findings);
  RefuseOwnBudget(*root, source, findings);
  if (findings.empty()) {
    CheckSchema(WholeSchema(spec_schema), *root, source, findings);
  }
  if (!findings.empty()) return findings.ToError();
  Study study = StudyOf(*root, source, Sections(spec_schema));
  CheckStudy(study, source, findings);
  if (!findings.empty()) return findings.ToError();
  return study;
}

}  // namespace coppice::spec
