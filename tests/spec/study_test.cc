#include "spec/study.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "spec/load.h"

namespace coppice::spec {
namespace {

using nlohmann::json;

constexpr const char* kHead =
    "name: s\nspec: coppice.yaml\ntotal: 20\nmax_cost_usd: 0\n";

}  // namespace

TEST_CASE("an arm of a study takes every key of search, proposal, parallel") {
  const json study = json::parse(StudySchemaText());
  const json spec = json::parse(SchemaText());
  const json& arm = study["properties"]["arms"]["items"]["properties"];
  for (const char* section : {"search", "proposal", "parallel"}) {
    for (const auto& [key, value] :
         spec["properties"][section]["properties"].items()) {
      CAPTURE(key);
      if (key == "seed") continue;
      REQUIRE(arm.contains(key));
      CHECK(arm[key]["$ref"] == "coppice.schema.json#/properties/" +
                                    std::string(section) + "/properties/" +
                                    key);
    }
  }
}

TEST_CASE("an arm's keys become keys of the spec") {
  const Result<Study> study = ParseStudy(
      std::string(kHead) +
          "vary: [split, proposers, prompt, parallel]\narms:\n"
          "  - {name: a, policy: linear, chains: 4, exploration: [1, 2]}\n"
          "  - {name: b, model: openai/gpt-5, edit_format: whole, requests: "
          "2}\n",
      "s.yaml");
  REQUIRE(study.has_value());
  CHECK(study->equalize == Equalize::kNodes);
  CHECK(study->seeds == 3);
  CHECK(study->remeasure == 10);
  CHECK(study->arms[0].keys ==
        std::map<std::string, std::string>{{"search.policy", "\"linear\""},
                                           {"search.chains", "4"},
                                           {"search.exploration", "[1,2]"}});
  CHECK(study->arms[1].keys ==
        std::map<std::string, std::string>{
            {"proposers", R"([{"model":"openai/gpt-5"}])"},
            {"proposal.edit_format", "\"whole\""},
            {"parallel.requests", "2"}});
  CHECK(study->arms[1].where == "s.yaml:8");
}

TEST_CASE("policy and chains are one thing, the split") {
  const std::string arms =
      "arms:\n  - {name: a, policy: linear, chains: 4}\n"
      "  - {name: b, policy: beam, beam_width: 8}\n";
  CHECK(ParseStudy(kHead + arms, "s.yaml").has_value());
  CHECK_FALSE(
      ParseStudy(kHead + ("vary: parallel\n" + arms), "s.yaml").has_value());
}

}  // namespace coppice::spec
