#include "report/progress.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "report/words.h"
#include "support/golden.h"
#include "support/sample_run.h"

namespace coppice::report {
namespace {

// What a run says from beginning to end.
std::vector<std::string> Said(const std::vector<search::Record>& records,
                              const ProgressStyle& style = {}) {
  search::State state;
  std::vector<std::string> lines;
  for (const search::Record& record : records) {
    REQUIRE(state.Apply(record).has_value());
    if (auto line = ProgressLine(state, record, style)) {
      lines.push_back(*line);
    }
  }
  return lines;
}

std::string Joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

}  // namespace

TEST_CASE("what a run says is as written down") {
  testing::CheckGolden("report/golden/progress.txt",
                       Joined(Said(testing::FruitfulRun())));
  testing::CheckGolden("report/golden/progress_fruitless.txt",
                       Joined(Said(testing::FruitlessRun())));
}

TEST_CASE("a finished attempt is one line of at most 100 columns") {
  std::size_t attempts = 0;
  for (const std::string& line : Said(testing::FruitfulRun())) {
    if (line[0] != '[') continue;
    ++attempts;
    CHECK(Columns(line) <= 100);
    CHECK(line.find('\n') == std::string::npos);
  }
  CHECK(attempts == 19);
}

TEST_CASE("a new best says so, and only then") {
  std::vector<std::string> best;
  for (const std::string& line : Said(testing::FruitfulRun())) {
    if (line.find("← new best") != std::string::npos) best.push_back(line);
  }
  REQUIRE(best.size() == 3);
  CHECK(best[0].find("#1 ") != std::string::npos);
  CHECK(best[1].find("#4 ") != std::string::npos);
  CHECK(best[2].find("#11 ") != std::string::npos);
}

TEST_CASE("plain lines have no escape, coloured ones only our own") {
  const std::string plain = Joined(Said(testing::FruitfulRun()));
  CHECK(plain.find('\x1b') == std::string::npos);
  std::string coloured = Joined(Said(testing::FruitfulRun(), {.colour = true}));
  CHECK(coloured.find("\x1b[1;32m← new best") != std::string::npos);
  for (const char* code : {"\x1b[0m", "\x1b[1;32m", "\x1b[31m", "\x1b[33m",
                           "\x1b[2m", "\x1b[1m"}) {
    for (std::size_t at = coloured.find(code); at != std::string::npos;
         at = coloured.find(code)) {
      coloured.erase(at, std::string(code).size());
    }
  }
  CHECK(coloured == plain);
}

TEST_CASE("an unlimited run counts without a total") {
  auto records = testing::FruitfulRun();
  auto& started = std::get<search::Started>(records[0].event);
  nlohmann::json spec = nlohmann::json::parse(started.spec_json);
  spec["budget"]["max_nodes"] = nullptr;
  started.spec_json = spec.dump();
  const std::vector<std::string> lines = Said(records);
  CHECK(lines[2].starts_with("[  1] #1"));
}

TEST_CASE("every line has its JSON event, with the record of the attempt") {
  search::State state;
  std::size_t lines = 0;
  std::size_t events = 0;
  for (const search::Record& record : testing::FruitfulRun()) {
    REQUIRE(state.Apply(record).has_value());
    if (ProgressLine(state, record)) ++lines;
    const std::optional<OrderedJson> json = ProgressJson(state, record);
    if (!json) continue;
    ++events;
    CHECK((*json)["event"] == search::KindOf(record.event));
    CHECK((*json)["seq"] == record.seq);
    if ((*json)["event"] == "rejected") {
      CHECK((*json)["record"]["commit"].is_null());
    }
    if ((*json)["event"] == "evaluated") {
      CHECK((*json)["record"]["task_id"] == "faster-parser");
      CHECK((*json)["best"].contains("value"));
    }
  }
  CHECK(events == lines);
}

TEST_CASE("a final without a winner is told as no improvement") {
  const auto records = testing::FruitlessRun();
  const auto state = testing::Fold(records);
  const std::string text = FinalText(*state, *state->final());
  CHECK(text.starts_with("no improvement confirmed"));
}

}  // namespace coppice::report
