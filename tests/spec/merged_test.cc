#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

#include "base/json.h"
#include "base/rng.h"
#include "spec/pattern.h"
#include "spec/samples.h"
#include "spec/schema_judge.h"
#include "spec/schema_words.h"

namespace coppice::spec {
namespace {

void CheckMerged(const Loaded& loaded) {
  CAPTURE(loaded.merged_json);
  const Result<Spec> again = SpecFromJson(loaded.merged_json);
  REQUIRE_MESSAGE(again.has_value(), again.error().Text());
  REQUIRE(*again == loaded.spec);
  // As a spec of its own, it is read as YAML and gives the same bytes.
  const Result<Loaded> as_yaml = Parse(loaded.merged_json);
  REQUIRE_MESSAGE(as_yaml.has_value(), as_yaml.error().Text());
  REQUIRE(as_yaml->spec == loaded.spec);
  REQUIRE(as_yaml->merged_json == loaded.merged_json);
  REQUIRE_FALSE(SchemaRefusal(Json::parse(loaded.merged_json)).has_value());
}

TEST_CASE("the merged form of the samples reads back as the same spec") {
  for (std::string_view text : {kMinimal, kEntries, kFull}) {
    const Result<Loaded> loaded = Parse(text);
    REQUIRE(loaded.has_value());
    CheckMerged(*loaded);
  }
}

// Draws documents that the schema accepts.
class Generator {
 public:
  explicit Generator(std::uint64_t seed)
      : root_(Json::parse(SchemaText())), rng_(seed) {}

  Json Document() {
    Json document = Value(root_);
    Json& metric = document["metric"];
    if (metric.contains("weights") && !metric["weights"].empty()) {
      metric.erase("name");
      metric.erase("direction");
      for (std::size_t i = 0; i < metric["weights"].size(); ++i) {
        metric["weights"][i]["name"] = "w" + std::to_string(i);
      }
    } else {
      metric["name"] = Text();
      metric["direction"] = "maximize";
    }
    metric.erase("target");
    if (document.contains("search") && document.contains("budget") &&
        document["budget"].value("max_nodes", Json(1)).is_null()) {
      document["search"].erase("chain_budget");
    }
    Json& evaluation = document["evaluation"];
    if (evaluation.is_object() &&
        (evaluation.contains("slurm") || evaluation.contains("backend"))) {
      MendSlurm(evaluation["slurm"]);
    }
    if (document.contains("proposers")) document.erase("model");
    if (!document.contains("proposers")) return document;
    int knobs = 0;
    for (Json& arm : document["proposers"]) {
      if (!arm.contains("edits")) continue;
      Json& edits = arm["edits"];
      if (edits.contains("kinds")) edits["kinds"].push_back("number");
      if (!edits.contains("knobs")) continue;
      for (Json& knob : edits["knobs"]) MendKnob(knob, knobs++);
    }
    return document;
  }

 private:
  // What one key of slurm says of another, and words that sbatch reads.
  void MendSlurm(Json& slurm) {
    if (slurm.is_null()) slurm = Json::object();
    slurm["shared_dir"] = "/shared/x y";
    const std::vector<std::pair<const char*, Json>> words{
        {"partition", "gpu"}, {"time", "200-0"}, {"mem", "8G"}};
    for (const auto& [key, word] : words) {
      if (slurm.contains(key) && !slurm[key].is_null()) slurm[key] = word;
    }
    slurm.erase("gres");
    if (slurm.value("mode", "job") == "job") slurm["gres"] = "gpu:1";
    if (slurm.contains("extra")) slurm["extra"] = {"--qos=a b", "--x"};
  }

  void MendKnob(Json& knob, int number) {
    knob["name"] = "k" + std::to_string(number);
    const bool ranged = knob.contains("range") && knob["range"].is_array();
    if (ranged) {
      knob.erase("values");
      knob["range"] = {0.25, 1 + rng_.Uniform()};
    } else if (!knob.contains("values") || knob["values"].empty()) {
      knob["values"] = {Text(), 7};
    }
  }

  const Json& Pick(const Json& list) { return list[rng_.Below(list.size())]; }

  std::string Text() {
    static const Json words{"a",      "b c",  "true", "null",    "12",
                            "x: y",   "#z",   "é🎯",  "it's \"", "- a",
                            "{a}",    "~",    "*x",   "&y",      "1e5",
                            "\\n",    "a\nb", "@",    "%",       " lead",
                            "trail ", ": ",   "?",    "0x1F",    "yes"};
    return Pick(words);
  }

  Json RuleText(const std::string& rule) {
    static const Json samples{
        {"path", {"src/a.c", "./b/", ".", "x//y", "**/*.py", "a b"}},
        {"copied-path", {"data", "./d/x.csv"}},
        {"home-path", {"~/.cargo", "/home/x/y"}},
        {"text-or-file", {"a text", "@notes.md"}},
        {"regex", {"a(b)", "^x: ([0-9.]+)$", "(?:q)(\\d+)"}},
        {"comparison", {">= 0.95", "==true", "< -1e3"}},
        {"amount", {"10%", "0.7 %", "33.3%"}},
        {"min-improvement", {"auto", "5%", "0.1%"}},
        {"branch", {"optimize/{name}", "x"}}};
    return Pick(samples.at(rule));
  }

  Json PatternText(const std::string& pattern) {
    // One text for each pattern of the schema, by what only it accepts.
    for (const char* text :
         {"a-b-1", "openai/gpt-5", "https://a.b/c", "A_B", ".cpp", "gpu"}) {
      if (PatternFound(pattern, text)) return text;
    }
    return "x";
  }

  Json Number(const Json& schema, bool integer) {
    const double low = schema.contains("exclusiveMinimum")
                           ? 0.001
                           : schema.value("minimum", -100.0);
    const double high = std::min(schema.value("maximum", 1000.0), 1e6);
    const double value = low + rng_.Uniform() * (high - low);
    if (integer) return static_cast<std::int64_t>(std::ceil(value));
    return value;
  }

  Json OfType(const Json& schema, const std::string& type) {
    if (type == "null") return nullptr;
    if (type == "boolean") return rng_.Chance(0.5);
    if (type == "integer") return Number(schema, true);
    if (type == "number") return Number(schema, false);
    if (type == "array") return Array(schema);
    if (type == "object") return Object(schema);
    if (schema.contains("enum")) return Pick(schema["enum"]);
    if (schema.contains("x-rule")) return RuleText(schema["x-rule"]);
    if (schema.contains("pattern")) return PatternText(schema["pattern"]);
    return Text();
  }

  Json Array(const Json& schema) {
    Json out = Json::array();
    const std::size_t least = schema.value("minItems", std::size_t{0});
    const std::size_t most = schema.value("maxItems", least + 3);
    const std::size_t size = least + rng_.Below(most - least + 1);
    while (out.size() < size) out.push_back(Value(schema["items"]));
    std::sort(out.begin(), out.end());
    if (size == 2 && out[0] == out[1] && out[0].is_number()) {
      out[1] = out[0].get<double>() + 1;
    }
    return out;
  }

  Json Object(const Json& schema) {
    Json out = Json::object();
    const Json required = schema.value("required", Json::array());
    if (!schema.contains("properties")) {
      if (schema.contains("additionalProperties")) {
        out["VAR_1"] = Value(schema["additionalProperties"]);
      }
      return out;
    }
    for (const auto& [key, property] : schema["properties"].items()) {
      const bool needed =
          std::find(required.begin(), required.end(), key) != required.end();
      if (key == "version") continue;
      if (needed || rng_.Chance(0.5)) out[key] = Value(property);
    }
    return out;
  }

  Json Value(const Json& schema_or_ref) {
    const Json& schema = Resolved(root_, schema_or_ref);
    if (schema.contains("anyOf")) return Value(Pick(schema["anyOf"]));
    const Json& type = schema["type"];
    return OfType(schema, type.is_array() ? Pick(type) : type);
  }

  Json root_;
  Rng rng_;
};

TEST_CASE("any spec that is accepted survives its merged form") {
  int accepted = 0;
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    const Json document = Generator(seed).Document();
    const Result<Loaded> loaded = Parse(document.dump(2));
    CAPTURE(seed);
    CAPTURE(document.dump());
    REQUIRE_MESSAGE(loaded.has_value(), loaded.error().Text());
    CheckMerged(*loaded);
    ++accepted;
  }
  CHECK(accepted == 150);
}

TEST_CASE("a stored form that is damaged is refused") {
  const std::string merged = Parse(kMinimal)->merged_json;
  CHECK_FALSE(SpecFromJson("").has_value());
  CHECK_FALSE(SpecFromJson("{").has_value());
  CHECK_FALSE(SpecFromJson("[]").has_value());
  CHECK_FALSE(SpecFromJson(merged.substr(0, merged.size() / 2)).has_value());
  const Result<Spec> newer =
      SpecFromJson(With(merged, "\"version\":1", "\"version\":2"));
  REQUIRE_FALSE(newer.has_value());
  CHECK(newer.error().Text() ==
        "the stored specification: version is 2; this coppice "
        "(" COPPICE_VERSION ") reads version 1");
}

}  // namespace
}  // namespace coppice::spec
