#include "eval/judge_items.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include "support/eval_world.h"
#include "support/temp_dir.h"

// What a judge may see of a candidate's output.

namespace coppice::eval {
namespace {

using testing::EvalWorld;
using testing::TempDir;
using testing::WriteFile;

std::string Problem(const ItemsRead& read) {
  const auto* problem = std::get_if<MetricProblem>(&read);
  return problem == nullptr ? "" : problem->Text();
}

TEST_CASE("items are read with ids of either kind and cleaned texts") {
  const ItemsRead read =
      ParseItems(R"([{"id":7,"bucket":"x","text":"a\u0000\u001b[31mb"},)"
                 R"({"id":"q","text":""}])",
                 "out.json");
  const auto* items = std::get_if<std::vector<JudgeItem>>(&read);
  REQUIRE(items != nullptr);
  CHECK(*items == std::vector<JudgeItem>{{"7", "x", "ab"}, {"q", "", ""}});
}

TEST_CASE("what is no list of items says what is wrong with it") {
  const std::string longest(65 * 1024, 'x');
  const std::pair<std::string, const char*> rows[] = {
      {"", "no JSON list"},
      {"{}", "no JSON list"},
      {"[7]", "item 1 of out.json has no id"},
      {R"([{"id":"","text":"a"}])", "has no id"},
      {R"([{"id":1.5,"text":"a"}])", "has no id"},
      {R"([{"id":1}])", "has no text"},
      {R"([{"id":1,"text":"a"},{"id":"1","text":"b"}])", "twice"},
      {R"([{"id":1,"text":")" + longest + R"("}])", "over 65536"},
      {std::string(100000, '['), "no JSON list"}};
  for (const auto& [bytes, says] : rows) {
    CAPTURE(says);
    CHECK(Problem(ParseItems(bytes, "out.json")).find(says) !=
          std::string::npos);
  }
}

TEST_CASE("items are read from the slot alone, and never through a link") {
  TempDir dir;
  WriteFile(dir / "secret", R"([{"id":1,"text":"secret"}])");
  WriteFile(dir / "tree/out/a.json", R"([{"id":1,"text":"mine"}])");
  WorkTree tree;
  tree.root = dir / "tree";
  CHECK(Problem(ReadItems(tree, "out/a.json")).empty());
  CHECK(Problem(ReadItems(tree, "b.json")).find("wrote no b.json") !=
        std::string::npos);
  REQUIRE(symlink((dir / "secret").c_str(), (dir / "tree/b.json").c_str()) ==
          0);
  CHECK(Problem(ReadItems(tree, "b.json")).find("symbolic link") !=
        std::string::npos);
}

TEST_CASE(
    "a sample brings its own items, and what a judge fills in is not "
    "taken from the output") {
  EvalWorld world;
  world.spec.metric.name = "judge_score";
  world.spec.judge.emplace();
  world.spec.judge->items = "out.json";
  world.spec.evaluation.command =
      "test -e b.txt || echo '[{\"id\":1,\"text\":\"t\"}]' >out.json; "
      "touch b.txt; echo judge_score: 10; echo other: 3";
  const ObjectId commit = world.trees.Add({{"a.txt", {"a\n"}}});
  Opened opened = world.Open(commit);
  REQUIRE(opened.session);
  const Sample first = world.Measure(*opened.session);
  const Sample second = world.Measure(*opened.session, {.index = 1});
  CHECK_FALSE(first.failure);
  CHECK(first.items == std::vector<JudgeItem>{{"1", "", "t"}});
  CHECK(first.metrics == std::map<std::string, double>{{"other", 3}});
  // Nothing was written this time: what lay there is not read again.
  REQUIRE(second.failure);
  CHECK(second.failure->outcome == Outcome::kMetricError);
  CHECK(second.failure->reason.find("wrote no out.json") != std::string::npos);
}

}  // namespace
}  // namespace coppice::eval
