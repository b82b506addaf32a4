#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "base/json.h"
#include "spec/samples.h"
#include "spec/schema_words.h"

namespace coppice::spec {
namespace {

// Walks the schema beside what a spec says and what its merged form says:
// where the spec is silent, the merged form must hold the schema's default.
class DefaultsWalk {
 public:
  DefaultsWalk() : root_(Json::parse(SchemaText())) {}

  void Run(std::string_view text) {
    const Result<Loaded> loaded = Parse(text);
    REQUIRE_MESSAGE(loaded.has_value(), ErrorOf(text));
    Object(root_, Json::parse(loaded->merged_json), "");
  }

  int compared() const { return compared_; }
  const std::vector<std::string>& without_default() const {
    return without_default_;
  }

  // Keys that the specs under test set themselves.
  std::vector<std::string> given;

 private:
  bool IsGiven(const std::string& path) const {
    return std::find(given.begin(), given.end(), path) != given.end();
  }

  const Json* DefaultOf(const Json& schema) const {
    if (schema.contains("default")) return &schema["default"];
    const Json& resolved = Resolved(root_, schema);
    return resolved.contains("default") ? &resolved["default"] : nullptr;
  }

  void Value(const Json& schema, const Json& merged, const std::string& path) {
    const Json& here = Resolved(root_, schema);
    if (here.contains("anyOf")) {
      for (const Json& branch : here["anyOf"]) {
        const Json& one = Resolved(root_, branch);
        if (!merged.is_object() || !one.contains("required")) continue;
        if (merged.contains(one["required"][0].get<std::string>())) {
          Object(one, merged, path);
        }
      }
    } else if (merged.is_object() && here.contains("properties")) {
      Object(here, merged, path);
    } else if (merged.is_array() && here.contains("items")) {
      for (const Json& item : merged) Value(here["items"], item, path + "[]");
    }
  }

  void Object(const Json& schema, const Json& merged, const std::string& path) {
    const Json required = schema.value("required", Json::array());
    for (const auto& [key, property] : schema["properties"].items()) {
      const std::string child = path + "/" + key;
      CAPTURE(child);
      REQUIRE(merged.contains(key));
      Value(property, merged[key], child);
      const bool needed =
          std::find(required.begin(), required.end(), key) != required.end();
      if (needed || IsGiven(child)) continue;
      const bool is_map =
          Resolved(root_, property).value("type", Json()) == "object";
      const Json* standard = DefaultOf(property);
      if (standard == nullptr) {
        if (!is_map) without_default_.push_back(child);
        continue;
      }
      CHECK(merged[key] == *standard);
      ++compared_;
    }
    CHECK(merged.size() == schema["properties"].size());
  }

  Json root_;
  int compared_ = 0;
  std::vector<std::string> without_default_;
};

TEST_CASE("the schema states the defaults of the structs") {
  DefaultsWalk walk;
  walk.Run(kMinimal);
  CHECK(walk.compared() > 90);
  CHECK(walk.without_default() ==
        std::vector<std::string>{"/metric/direction", "/metric/name"});
}

TEST_CASE("the schema states the defaults of entries, arms and inner maps") {
  DefaultsWalk walk;
  walk.given = {"/metric/gates",
                "/metric/guards",
                "/evaluation/holdout",
                "/evaluation/abort_on",
                "/checks",
                "/judge",
                "/judge/strata",
                "/proposers",
                "/proposers[]/price",
                "/proposers[]/edits/knobs",
                "/proposers[]/edits/knobs[]/values"};
  walk.Run(kEntries);
  CHECK(walk.compared() > 130);
}

TEST_CASE("the schema in the program is the file in configs") {
  std::ifstream in(COPPICE_SOURCE_DIR "/configs/coppice.schema.json");
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  REQUIRE_FALSE(text.empty());
  CHECK(text == SchemaText());
}

TEST_CASE("docs/specs.md names every key with its default") {
  std::ifstream file(std::string(COPPICE_SOURCE_DIR) + "/docs/specs.md");
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  const std::size_t begin = page.find("```yaml\nversion: 1\n");
  REQUIRE(begin != std::string::npos);
  const std::string text =
      page.substr(begin + 8, page.find("\n```", begin + 8) - begin - 7);
  const Result<Loaded> shown = Parse(text);
  REQUIRE_MESSAGE(shown.has_value(), ErrorOf(text));
  const Result<Loaded> minimal =
      Parse(With(kMinimal, "python bench/evaluate.py", "bench/run"));
  CHECK(shown->merged_json == minimal->merged_json);
  const Json keys = Json::parse(minimal->merged_json);
  auto named = [&](const std::string& key) {
    CAPTURE(key);
    CHECK(text.find(key + ":") != std::string::npos);
  };
  for (const auto& [key, value] : keys.items()) {
    if (key == "model") continue;  // short for proposers
    named(key);
    if (!value.is_object()) continue;
    for (const auto& [inner, unused] : value.items()) {
      named(inner);
    }
  }
}

}  // namespace
}  // namespace coppice::spec
