#include <doctest/doctest.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "llm/judge_batches.h"
#include "llm/judge_talk.h"
#include "llm/judge_world.h"

// A model that compares each text with the base's, in both orders.

namespace coppice::llm {
namespace {

using nlohmann::json;

// Which of two texts one sort of judge prefers: "A", "B" or "tie".
using Taste = std::function<std::string(double, double)>;

std::string Honest(double a, double b) {
  return a == b ? "tie" : a > b ? "A" : "B";
}

std::string Compared(const std::string& prompt, const Taste& taste) {
  json pairs = json::array();
  for (const auto& [a, b] : PairsIn(prompt)) {
    pairs.push_back({{"pair", pairs.size() + 1},
                     {"reason", "as they say"},
                     {"winner", taste(Worth(a), Worth(b))}});
  }
  return json{{"pairs", pairs}}.dump();
}

class PairsWorld : public JudgeWorld {
 public:
  explicit PairsWorld(Taste taste) {
    spec.judge->primary = "win_rate";
    answer = [taste](const std::string&, const std::string& prompt) {
      return Compared(prompt, taste);
    };
  }
};

// The base is worth 0 to 5; the second candidate is better in three of the six,
// worse in one and equal in two.
std::vector<JudgeItem> Candidate() {
  std::vector<JudgeItem> items = Items(6);
  items[0].text = "worth 7";
  items[1].text = "worth 7";
  items[2].text = "worth 7";
  items[3].text = "worth 0";
  return items;
}

TEST_CASE("a judge of pairs gives the share of texts that it prefers") {
  PairsWorld world(Honest);
  const Judged base = world.Score(Items(6));
  REQUIRE_MESSAGE(base.lost.empty(), base.lost);
  CHECK(base.metrics.at("win_rate") == 50);
  CHECK(base.metrics.count("mean_score") == 0);
  const Judged judged = world.Score(Candidate());
  CHECK(judged.metrics.at("win_rate") == doctest::Approx(100 * 4 / 6.0));
  CHECK(judged.metrics.at("judge_score") == judged.metrics.at("win_rate"));
  std::vector<JudgeItem> fewer = Candidate();
  fewer.erase(fewer.begin());  // a text that had won
  const Judged missing = world.Score(fewer);
  CHECK(missing.metrics.at("win_rate") == 50);
  CHECK(missing.metrics.at("judge_missing") == 1);
}

TEST_CASE("every pair is asked in both orders, and neither side is named") {
  PairsWorld world(Honest);
  world.spec.judge->batch_size = 6;
  world.Score(Items(6));
  world.prompts.clear();
  world.Score(Candidate());
  REQUIRE(world.prompts.size() == 2);
  const auto one = PairsIn(world.prompts[0]);
  const auto other = PairsIn(world.prompts[1]);
  REQUIRE(one.size() == 6);
  REQUIRE(other.size() == 6);
  int base_first = 0;
  for (std::size_t i = 0; i < one.size(); ++i) {
    CHECK(one[i].first == other[i].second);
    CHECK(one[i].second == other[i].first);
    base_first += Worth(one[i].first) < Worth(one[i].second) ? 1 : 0;
  }
  CHECK(base_first > 0);
  CHECK(base_first < 6);
  for (const char* secret : {"q0", "even", "base", "candidate", "new"}) {
    CAPTURE(secret);
    CHECK(world.prompts[0].find(secret) == std::string::npos);
  }
  const json body = json::parse(world.http.seen.back().request.body);
  CHECK(body.at("response_format").dump().find("winner") != std::string::npos);
}

TEST_CASE("MC-51 what the two orders disagree on is a tie") {
  // One that prefers whatever stands first, and one that does so if the two
  // are near each other.
  PairsWorld always_first([](double, double) { return "A"; });
  always_first.Score(Items(6));
  CHECK(always_first.Score(Candidate()).metrics.at("win_rate") == 50);
  PairsWorld when_near([](double a, double b) {
    return std::abs(a - b) < 7 ? "A" : Honest(a, b);
  });
  when_near.Score(Items(6));
  // Of the three that are better one is by 7, one by 6, and the third by 5.
  CHECK(when_near.Score(Candidate()).metrics.at("win_rate") ==
        doctest::Approx(100 * 3.5 / 6));
}

TEST_CASE("MC-49 pairs of anchors tell a judge that is not to be believed") {
  PairsWorld worst([](double a, double b) { return Honest(b, a); });
  worst.spec.judge->anchors = {{"bad", "worth 2", 2}, {"good", "worth 7", 7}};
  const Judged reversed = worst.Score(Items(6));
  CHECK(reversed.lost.find("anchor good is better by 5 than a text that was "
                           "preferred to it") != std::string::npos);
  CHECK(worst.log.asked.size() == 4);  // twice, in both orders
  // A judge that sees no difference at all is no better.
  PairsWorld blind([](double, double) { return "A"; });
  blind.spec.judge->anchors = worst.spec.judge->anchors;
  CHECK(blind.Score(Items(6)).lost.find("called its equal") !=
        std::string::npos);
  // Near anchors may be called equal.
  blind.spec.judge->anchors = {{"low", "worth 6", 6}, {"high", "worth 7", 7}};
  CHECK(blind.Score(Items(6)).lost.empty());
}

TEST_CASE("answers about pairs are read strictly") {
  const JudgeTask task{.rubric = "", .scale = {}, .pairs = true};
  std::vector<BatchEntry> entries(2);
  entries[1].against_first = true;
  auto scores = ReadScores(R"({"pairs":[{"pair":2,"winner":"A"},)"
                           R"({"pair":1,"winner":"A"}]})",
                           task, entries);
  const auto* all = std::get_if<std::vector<ItemScore>>(&scores);
  REQUIRE(all != nullptr);
  CHECK((*all)[0].score == kWin);
  CHECK((*all)[1].score == kLoss);
  for (const char* bad :
       {R"({"scores":[]})", R"({"pairs":[{"pair":1,"winner":"A"}]})",
        R"({"pairs":[{"pair":1,"winner":"a"},{"pair":2,"winner":"A"}]})",
        R"({"pairs":[{"pair":1,"winner":1},{"pair":2,"winner":"A"}]})",
        R"({"pairs":[{"pair":1},{"pair":2,"winner":"A"}]})"}) {
    CAPTURE(bad);
    CHECK(std::holds_alternative<std::string>(ReadScores(bad, task, entries)));
  }
}

}  // namespace
}  // namespace coppice::llm
