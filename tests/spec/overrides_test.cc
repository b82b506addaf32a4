#include <doctest/doctest.h>

#include <variant>

#include "spec/samples.h"

namespace coppice::spec {
namespace {

Spec Overridden(std::string_view text, const std::vector<Override>& overrides) {
  const Result<Loaded> loaded = Parse(text, overrides);
  REQUIRE_MESSAGE(loaded.has_value(), ErrorOf(text, overrides));
  return loaded->spec;
}

TEST_CASE("an override replaces a value, or makes the maps on its way") {
  const Spec spec = Overridden(kMinimal, {{"name", "other"},
                                          {"budget.max_nodes", "7"},
                                          {"budget.max_cost_usd", "null"},
                                          {"evaluation.limits.cpus", "3"},
                                          {"scope.mutable", "[a, b]"},
                                          {"search.seed", "12"}});
  CHECK(spec.name == "other");
  CHECK(spec.budget.max_nodes == 7);
  CHECK_FALSE(spec.budget.max_cost_usd.has_value());
  CHECK(spec.evaluation.command == "python bench/evaluate.py");
  CHECK(spec.evaluation.limits.cpus == 3);
  CHECK(spec.scope.mutable_paths == std::vector<std::string>{"a", "b"});
  CHECK(spec.search.seed == 12);
}

TEST_CASE("an override reaches into lists by index") {
  const Spec spec =
      Overridden(kFull, {{"proposers.0.weight", "5"},
                         {"proposers.4.edits.knobs.0.values", "[1.50]"},
                         {"scope.mutable.1", "src/x.cpp"}});
  CHECK(spec.proposers[0].weight == 5);
  CHECK(std::get<EditsArm>(spec.proposers[4].arm).knobs[0].values ==
        std::vector<std::string>{"1.50"});
  CHECK(spec.scope.mutable_paths[1] == "src/x.cpp");
}

TEST_CASE("later overrides win, and digits of variables stay as written") {
  const Spec spec = Overridden(kMinimal, {{"evaluation", "first"},
                                          {"evaluation.env.LEVEL", "0.10"},
                                          {"evaluation.command", "second"}});
  CHECK(spec.evaluation.command == "second");
  CHECK(spec.evaluation.env.at("LEVEL") == "0.10");
}

TEST_CASE("the stored form holds the overridden values") {
  const Result<Loaded> loaded = Parse(kMinimal, {{"search.seed", "42"}});
  REQUIRE(loaded.has_value());
  CHECK(SpecFromJson(loaded->merged_json)->search.seed == 42);
}

TEST_CASE("errors of an override name the flag") {
  const auto error = [](std::string key, std::string value) {
    return ErrorOf(kMinimal, {{std::move(key), std::move(value)}});
  };
  CHECK(error("budget.max_node", "3") ==
        "--set budget.max_node: unknown key \"max_node\" in budget; did you "
        "mean \"max_nodes\"?");
  CHECK(error("serch.seed", "3") ==
        "--set serch.seed: unknown key \"serch\" in the spec; did you mean "
        "\"search\"?");
  CHECK(error("budget.max_hours", "soon") ==
        "--set budget.max_hours: budget.max_hours is \"soon\"; it must be a "
        "number greater than 0 or null");
  CHECK(error("scope.mutable", "[/a]") ==
        "--set scope.mutable: scope.mutable[0] is \"/a\"; paths are relative "
        "to the repository root");
  CHECK(error("goal", "[") ==
        "--set goal: not YAML: end of sequence flow not found");
  CHECK(error("name.x", "1") ==
        "--set name.x: there is no key \"name.x\" to set");
  CHECK(error("scope.mutable.5", "a") ==
        "--set scope.mutable.5: there is no key \"scope.mutable.5\" to set");
  CHECK(error("", "1") == "--set : there is no key \"\" to set");
  CHECK(error("budget..x", "1") ==
        "--set budget..x: there is no key \"budget..x\" to set");
}

TEST_CASE("an override mends what is wrong in the file") {
  const std::string wrong =
      With(kMinimal, "goal: Make parse() faster", "goal: {a: [1, 2]}");
  CHECK_FALSE(ErrorOf(wrong).empty());
  CHECK(Overridden(wrong, {{"goal", "a goal"}}).goal == "a goal");
}

}  // namespace
}  // namespace coppice::spec
