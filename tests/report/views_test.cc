#include "report/views.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "report/node_record.h"
#include "report/tsv.h"
#include "support/sample_run.h"
#include "support/temp_dir.h"

namespace coppice::report {
namespace {

namespace fs = std::filesystem;

// Counts how often the texts of each attempt were asked for.
struct Texts {
  std::map<std::int64_t, int> asked;

  FindTexts Finder() {
    return [this](AttemptId attempt) -> Result<AttemptTexts> {
      ++asked[attempt.value()];
      return AttemptTexts{
          .patch = "patch " + std::to_string(attempt.value()) + "\n",
          .answer = "an \x1b[31manswer\n"};
    };
  }
};

std::size_t TemporaryFiles(const fs::path& dir) {
  std::size_t count = 0;
  for (const auto& entry : fs::recursive_directory_iterator(dir)) {
    if (entry.path().extension() == ".tmp") ++count;
  }
  return count;
}

}  // namespace

TEST_CASE("the directory of a node holds its plan, patch, answer and record") {
  const auto state = testing::Fold(testing::FruitfulRun());
  testing::TempDir dir;
  Texts texts;
  ViewWriter writer(dir.path(), texts.Finder());
  REQUIRE(writer.WriteNodes(*state).has_value());
  const fs::path node = dir / "nodes/1";
  CHECK(testing::ReadFile(node / "result.json") ==
        DumpPretty(NodeRecord(*state, AttemptId(1))));
  CHECK(testing::ReadFile(node / "diff.patch") == "patch 1\n");
  CHECK(testing::ReadFile(node / "answer.md") == "an answer\n");
  CHECK(testing::ReadFile(node / "lesson.md") ==
        "branches cost more than loads");
  CHECK(testing::ReadFile(node / "plan.md").find("## Bottleneck") !=
        std::string::npos);
  // Nothing but an idea: no plan of its own.
  CHECK_FALSE(fs::exists(dir / "nodes/7/plan.md"));
  CHECK(fs::exists(dir / "nodes/0/result.json"));
  CHECK(fs::exists(dir / "nodes/5/result.json"));
  CHECK(TemporaryFiles(dir.path()) == 0);
}

TEST_CASE("a second call writes only what finished since the first") {
  const auto records = testing::FruitfulRun();
  search::State state;
  testing::TempDir dir;
  Texts texts;
  ViewWriter writer(dir.path(), texts.Finder());
  for (const search::Record& record : records) {
    REQUIRE(state.Apply(record).has_value());
    if (state.tree().empty()) continue;
    REQUIRE(writer.WriteNodes(state).has_value());
  }
  CHECK(texts.asked.size() == 20);
  for (const auto& [attempt, times] : texts.asked) {
    CAPTURE(attempt);
    CHECK(times == 1);
  }
}

TEST_CASE("a node that is evaluated again is written again") {
  auto records = testing::FruitfulRun();
  search::State state;
  testing::TempDir dir;
  Texts texts;
  ViewWriter writer(dir.path(), texts.Finder());
  for (const search::Record& record : records) {
    REQUIRE(state.Apply(record).has_value());
  }
  REQUIRE(writer.WriteNodes(state).has_value());
  auto add = [&](search::Event event) {
    records.push_back({.seq = records.back().seq + 1,
                       .at = records.back().at + std::chrono::seconds(20),
                       .event = std::move(event)});
    REQUIRE(state.Apply(records.back()).has_value());
  };
  add(search::Approved{.dependency = "simdjson"});
  REQUIRE(writer.WriteNodes(state).has_value());
  CHECK(texts.asked[12] == 1);
  search::Evaluated evaluated;
  evaluated.node = AttemptId(12);
  evaluated.outcome = Outcome::kBuggy;
  evaluated.reason = "make: exit 2";
  add(evaluated);
  REQUIRE(writer.WriteNodes(state).has_value());
  CHECK(texts.asked[12] == 2);
  CHECK(texts.asked[11] == 1);
  CHECK(testing::ReadFile(dir / "nodes/12/result.json").find("buggy") !=
        std::string::npos);
}

TEST_CASE("a new process does not write what stands there already") {
  const auto state = testing::Fold(testing::FruitfulRun());
  testing::TempDir dir;
  Texts texts;
  REQUIRE(
      ViewWriter(dir.path(), texts.Finder()).WriteNodes(*state).has_value());
  fs::remove(dir / "nodes/4/result.json");
  REQUIRE(
      ViewWriter(dir.path(), texts.Finder()).WriteNodes(*state).has_value());
  CHECK(texts.asked[1] == 1);
  CHECK(texts.asked[4] == 2);
}

TEST_CASE("the tables of a run are all written, whole") {
  const auto state = testing::Fold(testing::FruitfulRun());
  testing::TempDir dir;
  Texts texts;
  ViewWriter writer(dir.path(), texts.Finder());
  testing::WriteFile(dir / "results.tsv", "an older one");
  REQUIRE(writer.WriteTables(*state).has_value());
  REQUIRE(writer.WriteReport(*state, {.now = state->last_at(), .diff = ""})
              .has_value());
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(dir.path())) {
    names.insert(entry.path().filename());
  }
  CHECK(names == std::set<std::string>{"results.jsonl", "results.tsv",
                                       "leaderboard.md", "experiment-log.yaml",
                                       "digest.md", "report.md"});
  CHECK(testing::ReadFile(dir / "results.tsv") == ResultsTsv(*state));
}

TEST_CASE("tables are due after ten attempts, then after a fifth more") {
  search::State state;
  testing::TempDir dir;
  Texts texts;
  ViewWriter writer(dir.path(), texts.Finder());
  std::vector<std::size_t> written;
  std::string before;
  for (const search::Record& record : testing::FruitfulRun()) {
    REQUIRE(state.Apply(record).has_value());
    REQUIRE(writer.WriteTablesIfDue(state).has_value());
    if (!fs::exists(dir / "results.jsonl")) continue;
    const std::string now = testing::ReadFile(dir / "results.jsonl");
    if (now != before) written.push_back(state.order_of_completion().size());
    before = now;
  }
  CHECK(written == std::vector<std::size_t>{10});
  REQUIRE(writer.WriteTables(state).has_value());
  CHECK(testing::ReadFile(dir / "results.jsonl") == ResultsJsonl(state));
}

TEST_CASE("a view that cannot be written is an error naming the file") {
  const auto state = testing::Fold(testing::FruitfulRun());
  testing::TempDir dir;
  testing::WriteFile(dir / "nodes", "a file where a directory should be");
  Texts texts;
  ViewWriter writer(dir.path(), texts.Finder());
  const Result<void> nodes = writer.WriteNodes(*state);
  REQUIRE_FALSE(nodes.has_value());
  CHECK(nodes.error().code == ErrorCode::kIo);
  CHECK(nodes.error().where.find("nodes/0") != std::string::npos);
  fs::create_directory(dir / "results.tsv");
  const Result<void> tables = writer.WriteTables(*state);
  REQUIRE_FALSE(tables.has_value());
  CHECK(tables.error().where.find("results.tsv") != std::string::npos);
}

TEST_CASE("an error of the journal stops the views and is passed on") {
  const auto state = testing::Fold(testing::FruitfulRun());
  testing::TempDir dir;
  ViewWriter writer(dir.path(), [](AttemptId) -> Result<AttemptTexts> {
    return Error{.code = ErrorCode::kIo, .what = "the journal is torn"};
  });
  const Result<void> done = writer.WriteNodes(*state);
  REQUIRE_FALSE(done.has_value());
  CHECK(done.error().what == "the journal is torn");
}

}  // namespace coppice::report
