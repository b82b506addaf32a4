#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "llm/judge_batches.h"
#include "llm/judge_world.h"

// Several models that judge together.

namespace coppice::llm {
namespace {

using nlohmann::json;

class PanelWorld : public JudgeWorld {
 public:
  // How far each is off.
  explicit PanelWorld(std::map<std::string, double> panel)
      : off_by(std::move(panel)) {
    spec.judge->models.clear();
    for (const auto& [model, unused] : off_by) {
      spec.judge->models.push_back(model);
    }
    answer = [this](const std::string& model, const std::string& prompt) {
      json scores = json::array();
      for (const std::string& text : TextsIn(prompt)) {
        scores.push_back({{"item", scores.size() + 1},
                          {"reason", "as it says"},
                          {"score", Worth(text) + off_by.at(model)}});
      }
      return json{{"scores", scores}}.dump();
    };
  }

  std::map<std::string, double> off_by;
};

TEST_CASE("a panel's score of an item is the median of its judges") {
  PanelWorld world({{"a/x", 0}, {"b/x", .5}, {"c/x", 4}});
  const Judged judged = world.Score(Items(6));
  REQUIRE_MESSAGE(judged.lost.empty(), judged.lost);
  CHECK(judged.metrics.at("judge_score") == 3);  // of 0 to 5, and a half
  CHECK(judged.metrics.at("judge_disagreement") == 4);
  REQUIRE(world.log.asked.size() == 6);  // two batches, three judges
  CHECK(world.log.asked[0].model == "a/x");
  CHECK(world.log.asked[2].model == "c/x");
  CHECK(world.log.asked[2].turn == 2);
  // What was seen before is that of the panel.
  CHECK(world.Score(Items(6), false).metrics == judged.metrics);
  CHECK(world.log.asked.empty());
  JudgeWorld alone;
  CHECK(alone.Score(Items(6)).metrics.count("judge_disagreement") == 0);
}

TEST_CASE("two judges meet in the middle, field by field") {
  const std::vector<ItemScore> middle =
      Middle({{{.score = 2, .fields = {{"clarity", 1}}}},
              {{.score = 5, .fields = {{"clarity", 9}}}}});
  CHECK(middle == std::vector<ItemScore>{
                      {.score = 3.5, .fields = {{"clarity", 5}}, .spread = 3}});
}

TEST_CASE("one of a panel that is not to be believed loses the sample") {
  PanelWorld world({{"a/x", 0}, {"b/x", 2}, {"c/x", 0}});
  world.spec.judge->anchors = {{"bad", "worth 2", 2}};
  const Judged judged = world.Score(Items(4));
  CHECK(judged.metrics.empty());
  CHECK(judged.lost.find("b/x: the judge is not to be believed") !=
        std::string::npos);
  CHECK(world.log.asked.size() == 3);  // the third is not paid for any more
}

}  // namespace
}  // namespace coppice::llm
