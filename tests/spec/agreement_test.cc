#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/json.h"
#include "spec/findings.h"
#include "spec/samples.h"
#include "spec/schema_check.h"
#include "spec/schema_judge.h"

namespace coppice::spec {
namespace {

bool Accepts(const Json& schema, const Json& value) {
  Findings findings;
  CheckSchema(schema, value, Source(), findings);
  return findings.empty();
}

// The schema without our own rules, which no validator knows.
Json PlainSchema() {
  Json schema = Json::parse(SchemaText());
  const auto strip = [](auto& self, Json& value) -> void {
    if (value.is_object()) value.erase("x-rule");
    if (!value.is_structured()) return;
    for (Json& part : value) self(self, part);
  };
  strip(strip, schema);
  return schema;
}

// Every value in `value`, itself included.
void CollectPointers(const Json& value, const Json::json_pointer& at,
                     std::vector<Json::json_pointer>& out) {
  out.push_back(at);
  if (value.is_object()) {
    for (const auto& [key, part] : value.items()) {
      CollectPointers(part, at / key, out);
    }
  } else if (value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i) {
      CollectPointers(value[i], at / i, out);
    }
  }
}

// The document with one place changed, in every place and some ways.
std::vector<Json> Variants(const Json& document) {
  const std::vector<Json> others{nullptr,
                                 true,
                                 0,
                                 -1,
                                 1,
                                 1.5,
                                 1e12,
                                 "",
                                 "x",
                                 "auto",
                                 "1%",
                                 "BAD x",
                                 "minimize",
                                 "openai/x",
                                 "none",
                                 "sum",
                                 "a/b-c",
                                 "http:",
                                 "x y\nz",
                                 Json::array(),
                                 Json::object(),
                                 {1, 2},
                                 {3},
                                 {"a"},
                                 {"a b"},
                                 {{"command", "x"}}};
  std::vector<Json> variants{document};
  std::vector<Json::json_pointer> pointers;
  CollectPointers(document, Json::json_pointer(), pointers);
  std::size_t turn = 0;  // a third of the values each, so that it ends soon
  for (const Json::json_pointer& at : pointers) {
    for (const Json& other : others) {
      if (++turn % 3 != 0) continue;
      variants.push_back(document);
      variants.back()[at] = other;
    }
    if (document[at].is_object()) {
      variants.push_back(document);
      variants.back()[at]["unknown"] = 1;
      for (const auto& [key, part] : document[at].items()) {
        variants.push_back(document);
        variants.back()[at].erase(key);
      }
    }
    if (document[at].is_array() && !document[at].empty()) {
      variants.push_back(document);
      variants.back()[at].push_back(document[at][0]);
      variants.push_back(document);
      variants.back()[at].erase(0);
    }
  }
  return variants;
}

void CheckAgreement(std::string_view text) {
  const Json full = Json::parse(SchemaText());
  const Json plain = PlainSchema();
  const Result<Loaded> loaded = Parse(text);
  REQUIRE_MESSAGE(loaded.has_value(), ErrorOf(text));
  int accepted = 0, refused = 0;
  for (const Json& variant : Variants(Json::parse(loaded->merged_json))) {
    const auto refusal = SchemaRefusal(variant);
    CAPTURE(variant.dump());
    CAPTURE(refusal.value_or(""));
    const bool ours = Accepts(plain, variant);
    REQUIRE(ours == !refusal.has_value());
    if (!ours) REQUIRE_FALSE(Accepts(full, variant));
    ++(ours ? accepted : refused);
  }
  CHECK(accepted > 100);
  CHECK(refused > 800);
}

TEST_CASE("our walk and the validator agree on every variant of a full spec") {
  CheckAgreement(kFull);
}

TEST_CASE("our walk and the validator agree on every variant of bare entries") {
  CheckAgreement(kEntries);
}

TEST_CASE("a document that is no map is refused by both") {
  const Json plain = PlainSchema();
  for (const Json& value : {Json(), Json(1), Json("x"), Json::array()}) {
    CHECK_FALSE(Accepts(plain, value));
    CHECK(SchemaRefusal(value).has_value());
  }
}

}  // namespace
}  // namespace coppice::spec
