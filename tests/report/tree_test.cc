#include <doctest/doctest.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>

#include "report/graph_export.h"
#include "report/tree_text.h"
#include "report/words.h"
#include "support/golden.h"
#include "support/sample_run.h"

namespace coppice::report {
namespace {

int CountOf(const std::string& text, std::string_view what) {
  int count = 0;
  for (std::size_t at = text.find(what); at != std::string::npos;
       at = text.find(what, at + 1)) {
    ++count;
  }
  return count;
}

// `count` attempts on top of the fruitful run, each a child of the one before.
std::vector<search::Record> Chain(int count) {
  std::vector<search::Record> records = testing::FruitfulRun();
  auto add = [&](search::Event event) {
    records.push_back({.seq = records.back().seq + 1,
                       .at = records.back().at,
                       .event = std::move(event)});
  };
  for (int i = 0; i < count; ++i) {
    const AttemptId attempt(20 + i);
    search::Selected selected;
    selected.attempt = attempt;
    selected.op = Operator::kImprove;
    selected.parents = {AttemptId(i == 0 ? 11 : 19 + i)};
    add(selected);
    search::Committed committed;
    committed.attempt = attempt;
    committed.commit.bytes[0] = static_cast<std::uint8_t>(i >> 8);
    committed.commit.bytes[1] = static_cast<std::uint8_t>(i);
    committed.tree = committed.commit;
    committed.tree.bytes[19] = 1;
    committed.plan.idea = "one more step";
    add(committed);
  }
  return records;
}

}  // namespace

TEST_CASE("the tree is as written down") {
  const auto records = testing::FruitfulRun();
  testing::CheckGolden("report/golden/tree.txt",
                       TreeText(*testing::Fold(records)));
  testing::CheckGolden(
      "report/golden/tree_all.txt",
      TreeText(*testing::Fold(records, testing::BeforeTheFinal(records)),
               {.collapse = 0}));
}

TEST_CASE("no line of the tree is wider than asked for") {
  const auto state = testing::Fold(testing::FruitfulRun());
  std::istringstream lines(TreeText(*state, {.width = 80, .collapse = 0}));
  for (std::string line; std::getline(lines, line);) {
    CHECK(Columns(line) <= 80);
  }
}

TEST_CASE("an uncollapsed tree has a line for every attempt") {
  const auto state = testing::Fold(testing::FruitfulRun());
  const std::string text = TreeText(*state, {.collapse = 0});
  CHECK(std::ranges::count(text, '\n') == 20);
  const std::string collapsed = TreeText(*state, {.collapse = 3});
  CHECK(collapsed.find("… 7 attempts without a gain, #13 to #19") !=
        std::string::npos);
}

TEST_CASE("a very deep tree stays readable and does not exhaust the stack") {
  const auto state = testing::Fold(Chain(5000));
  const std::string text = TreeText(*state);
  CHECK(text.find("(depth 5000)") != std::string::npos);
  std::istringstream lines(text);
  std::size_t widest = 0;
  for (std::string line; std::getline(lines, line);) {
    widest = std::max(widest, Columns(line));
  }
  CHECK(widest < 140);
}

TEST_CASE("DOT and GraphML hold every commit and every edge") {
  const auto state = testing::Fold(testing::FruitfulRun());
  const std::string dot = TreeDot(*state);
  const std::string graphml = TreeGraphMl(*state);
  const int nodes = static_cast<int>(state->tree().size());
  const int edges = nodes;  // a tree has nodes - 1, and the merge has two
  CHECK(CountOf(dot, "[label=") == nodes);
  const std::regex edge("\n[0-9]+->[0-9]+");
  const std::sregex_iterator found(dot.begin(), dot.end(), edge);
  CHECK(std::distance(found, std::sregex_iterator()) == edges);
  CHECK(CountOf(graphml, "<node ") == nodes);
  CHECK(CountOf(graphml, "<edge ") == edges);
  CHECK(graphml.find("<script>") == std::string::npos);
}

TEST_CASE("DOT and GraphML are as written down") {
  const auto state = testing::Fold(testing::FruitfulRun());
  testing::CheckGolden("report/golden/tree.dot", TreeDot(*state));
  testing::CheckGolden("report/golden/tree.graphml", TreeGraphMl(*state));
}

TEST_CASE("the tree as JSON lists rejected attempts too") {
  const OrderedJson tree = TreeJson(*testing::Fold(testing::FruitfulRun()));
  CHECK(tree["best"] == 11);
  REQUIRE(tree["nodes"].size() == 20);
  CHECK(tree["nodes"][5]["outcome"] == "duplicate");
  CHECK(tree["nodes"][5]["parents"] == OrderedJson::array({1}));
  CHECK(tree["nodes"][5]["value"].is_null());
}

TEST_CASE("a run without a node has a tree that says so") {
  const auto state = testing::Fold(testing::FruitfulRun(), 1);
  CHECK(TreeText(*state) == "no node yet\n");
  CHECK(TreeJson(*state)["nodes"].empty());
}

}  // namespace coppice::report
