#include <doctest/doctest.h>
#include <yaml-cpp/yaml.h>

#include <nlohmann/json.hpp>

#include "report/experiment_log.h"
#include "report/yaml_text.h"
#include "support/golden.h"
#include "support/sample_run.h"

namespace coppice::report {

TEST_CASE("any string comes back from YAML as it went in") {
  for (const char* text :
       {"", "yes", "null", "1e3", "- a: b", "# no comment", "a: b", "'\"\\",
        "two\nlines", "tab\tand \x7f", "←✓🎯", "\xc2\x85\xe2\x80\xa8", "{x}",
        "&anchor *alias", "%TAG", "trailing ", "!!python/object"}) {
    const nlohmann::ordered_json value = {
        {"key", text}, {text, nlohmann::json::array({text})}};
    const YAML::Node node = YAML::Load(YamlText(value));
    CHECK(node["key"].as<std::string>() == text);
    CHECK(node[std::string(text)][0].as<std::string>() == text);
  }
}

TEST_CASE("numbers and nesting come back from YAML as they went in") {
  const auto value = nlohmann::ordered_json::parse(
      R"({"a":[1,2.5,1e-05,1e30,[true,null],{"b":{},"c":[]}],"d":-3})");
  const std::string text = YamlText(value);
  const YAML::Node node = YAML::Load(text);
  CHECK(node["a"][0].as<int>() == 1);
  CHECK(node["a"][1].as<double>() == 2.5);
  CHECK(node["a"][2].as<double>() == 1e-05);
  CHECK(node["a"][3].as<double>() == 1e30);
  CHECK(node["a"][4][0].as<bool>());
  CHECK(node["a"][4][1].IsNull());
  CHECK(node["a"][5]["b"].IsMap());
  CHECK(node["a"][5]["c"].IsSequence());
  CHECK(node["d"].as<int>() == -3);
  // Readers of YAML 1.1 take an exponent without a point for a string.
  CHECK(text.find("1.0e-05") != std::string::npos);
}

TEST_CASE("the experiment log has the keys its readers know") {
  const auto state = testing::Fold(testing::FruitfulRun());
  const YAML::Node log = YAML::Load(ExperimentLog(*state));
  CHECK(log["spec"].as<std::string>() == "faster-parser");
  CHECK(log["run_id"].as<std::string>() == "20260901-223015-kqa");
  CHECK(log["started_at"].as<std::string>() == "2026-09-01T22:30:15Z");
  CHECK(log["baseline"]["gates"]["recall"].as<double>() == 0.97);
  CHECK(log["baseline"]["diagnostics"]["peak_mb"].as<double>() == 81);
  CHECK(log["best"]["iteration"].as<int>() == 11);
  CHECK(log["hypothesis_backlog"].IsSequence());
  REQUIRE(log["experiments"].size() == state->order_of_completion().size());
  for (const YAML::Node& entry : log["experiments"]) {
    for (const char* key : {"iteration", "batch", "hypothesis", "category",
                            "outcome", "coppice_outcome"}) {
      CHECK(entry[key].IsDefined());
    }
  }
}

TEST_CASE("the experiment log tells outcomes in its readers' words") {
  const auto state = testing::Fold(testing::FruitfulRun());
  const YAML::Node all = YAML::Load(ExperimentLog(*state))["experiments"];
  auto of = [&](int iteration) {
    for (const YAML::Node& entry : all) {
      if (entry["iteration"].as<int>() == iteration) return entry;
    }
    return YAML::Node();
  };
  CHECK(of(1)["outcome"].as<std::string>() == "kept");
  CHECK(of(2)["outcome"].as<std::string>() == "reverted");
  CHECK(of(3)["outcome"].as<std::string>() == "error");
  CHECK(of(3)["error_message"].as<std::string>() == "make -j4: exit 2");
  CHECK(of(9)["outcome"].as<std::string>() == "degenerate");
  CHECK_FALSE(of(9)["gates_passed"].as<bool>());
  CHECK(of(10)["outcome"].as<std::string>() == "timeout");
  CHECK(of(12)["outcome"].as<std::string>() == "deferred_needs_approval");
  CHECK(of(12)["deferred_reason"].IsDefined());
}

TEST_CASE("the experiment log is as written down") {
  testing::CheckGolden("report/golden/experiment-log.yaml",
                       ExperimentLog(*testing::Fold(testing::FruitfulRun())));
}

}  // namespace coppice::report
